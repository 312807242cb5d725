// The line at which each id was seen first, in 16 to 48 bytes an id whatever its length: ids are kept as 64 bits of their SHA-256, of which
// no two in a file of ten million lines are likely to be equal (1 in 370,000).
import { createHash } from 'node:crypto';

const WORDS = 3;
/** Slots at first; a power of two. */
const NUM_SLOTS = 1024;

/** Table of ids by hash, with open addressing. */
export class IdTable {
  /** Two words of the hash and the line, 0 for an empty slot. */
  #words = new Uint32Array(WORDS * NUM_SLOTS);
  #size = 0;

  /** Notes that a line has an id; returns the line that had it before, or null. */
  note(id: string, line: number): number | null {
    const digest = createHash('sha256').update(id).digest();
    return this.#put(digest.readUInt32LE(0), digest.readUInt32LE(4), line);
  }

  #put(low: number, high: number, line: number): number | null {
    const numSlots = this.#words.length / WORDS;
    if (3 * (this.#size + 1) > 2 * numSlots) {
      this.#grow();
      return this.#put(low, high, line);
    }
    for (let slot = low & (numSlots - 1); ; slot = (slot + 1) & (numSlots - 1)) {
      const at = WORDS * slot;
      const found = this.#words[at + 2]!;
      if (found === 0) {
        this.#words.set([low, high, line], at);
        this.#size++;
        return null;
      }
      if (this.#words[at] === low && this.#words[at + 1] === high) return found;
    }
  }

  #grow(): void {
    const old = this.#words;
    this.#words = new Uint32Array(2 * old.length);
    this.#size = 0;
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at + 2]! > 0) this.#put(old[at]!, old[at + 1]!, old[at + 2]!);
    }
  }
}
