/**
 * Finds the first stop string in bytes that arrive piece by piece (Knuth, Morris and Pratt 1977). Bytes are certain once
 * no stop string can begin in them; the others are held back.
 */
export class StopSearch {
  readonly #patterns: readonly Pattern[];
  /** Bytes that may begin a stop string. */
  #held: number[] = [];
  #found: string | null = null;

  /** @param stops not empty texts. */
  constructor(stops: readonly string[]) {
    this.#patterns = stops.map((text) => new Pattern(text));
  }

  /** The stop string that has been found: the first that was complete, and the longest of those complete at one byte. */
  get found(): string | null {
    return this.#found;
  }

  /**
   * Takes the next bytes, none after a stop string that has been found; returns those that have become certain.
   *
   * @param heeds whether a stop string may end in them; a string that would is text.
   */
  push(bytes: Uint8Array, heeds: boolean): Uint8Array {
    const certain: number[] = [];
    for (const byte of bytes) {
      this.#held.push(byte);
      for (const pattern of this.#patterns) pattern.push(byte);
      const complete = this.#patterns.filter((pattern) => pattern.isComplete);
      if (heeds && complete.length > 0) {
        const longest = complete.reduce((a, b) => (b.length > a.length ? b : a));
        certain.push(...this.#held.slice(0, this.#held.length - longest.length));
        this.#held = [];
        this.#found = longest.text;
        break;
      }
      for (const pattern of complete) pattern.passOver();
      const numHeld = this.#patterns.reduce((most, { numMatched }) => Math.max(most, numMatched), 0);
      certain.push(...this.#held.splice(0, this.#held.length - numHeld));
    }
    return Uint8Array.from(certain);
  }

  /** The bytes held back that no stop string has claimed. */
  finish(): Uint8Array {
    return Uint8Array.from(this.#held.splice(0));
  }
}

/** One stop string, and how much of it the bytes so far end with. */
class Pattern {
  readonly text: string;
  /** Bytes at the end of all so far that are the first of the pattern. */
  numMatched = 0;
  readonly #bytes: Uint8Array;
  /** [n] for the first n bytes: length of the longest shorter beginning of the pattern that they end with. */
  readonly #shorter: number[] = [0, 0];

  constructor(text: string) {
    this.text = text;
    this.#bytes = new TextEncoder().encode(text);
    for (let n = 1; n < this.length; n++) this.#shorter.push(this.#extend(this.#shorter[n]!, this.#bytes[n]!));
  }

  /** In bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  get isComplete(): boolean {
    return this.numMatched === this.length;
  }

  /** Must not be complete. */
  push(byte: number): void {
    this.numMatched = this.#extend(this.numMatched, byte);
  }

  /** Goes on after a complete pattern with the end of it that may begin another. */
  passOver(): void {
    this.numMatched = this.#shorter[this.length]!;
  }

  /** Length of the longest beginning of the pattern at the end of its first `numMatched` bytes and one more. */
  #extend(numMatched: number, byte: number): number {
    let matched = numMatched;
    while (matched > 0 && this.#bytes[matched] !== byte) matched = this.#shorter[matched]!;
    return this.#bytes[matched] === byte ? matched + 1 : 0;
  }
}
