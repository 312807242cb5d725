// The tokens of a vocabulary as a tree of their bytes: tokens that begin alike are followed through a grammar at once.
import { ceilDiv } from '../util/math.ts';
import type { Pushdown, Situation } from './pushdown.ts';
import type { Vocabulary } from './vocabulary.ts';

const WORD_BITS = 32;

/** Tree of tokens; its nodes stand in the order in which they are met from the root, branch after branch. */
export class TokenTree {
  readonly #vocabulary: Vocabulary;
  /** Byte of each node. */
  readonly #bytes: Uint8Array;
  /** Bytes before it. */
  readonly #depths: Uint16Array;
  /** Number of the first node that is not below it. */
  readonly #skips: Int32Array;
  /** Tokens by their bytes; those of a node are from one index on to that of the next. */
  readonly #ids: Int32Array;
  readonly #firstIds: Int32Array;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    const tokens = Array.from(vocabulary.ends, (_, id) => ({ id, bytes: bytesOf(vocabulary, id) }))
      .filter(({ bytes }) => bytes.length > 0)
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes));
    const [bytes, depths, firstIds]: [number[], number[], number[]] = [[], [], []];
    let before: Uint8Array = new Uint8Array();
    for (const [index, token] of tokens.entries()) {
      let depth = 0;
      while (depth < before.length && before[depth] === token.bytes[depth]) depth++;
      for (; depth < token.bytes.length; depth++) {
        bytes.push(token.bytes[depth] ?? 0);
        depths.push(depth);
        // A node on the way to the first token below it has none of its own.
        firstIds.push(index);
      }
      before = token.bytes;
    }
    this.#ids = Int32Array.from(tokens, ({ id }) => id);
    this.#bytes = Uint8Array.from(bytes);
    this.#depths = Uint16Array.from(depths);
    this.#firstIds = Int32Array.from([...firstIds, tokens.length]);
    this.#skips = skipsOf(this.#depths);
  }

  /** Gives the mask of the tokens that may follow in a situation. */
  mask(grammar: Pushdown, situation: Situation): Int32Array {
    situation.mask ??= this.#walk(grammar, situation);
    return situation.mask;
  }

  /** Gives the situation after a token; null where no text has it there. */
  step(grammar: Pushdown, situation: Situation, id: number): Situation | null {
    let at: Situation | null = situation;
    const bytes = bytesOf(this.#vocabulary, id);
    grammar.begin();
    for (const byte of bytes) at = at === null ? null : grammar.step(at, byte);
    return bytes.length === 0 ? null : at;
  }

  #walk(grammar: Pushdown, situation: Situation): Int32Array {
    const { size, eosIds } = this.#vocabulary;
    const mask = new Int32Array(ceilDiv(size, WORD_BITS));
    const allow = (id: number) => {
      mask[id >> 5]! |= 1 << (id & 31);
    };
    grammar.begin();
    const path: Situation[] = [situation];
    for (let node = 0; node < this.#bytes.length; ) {
      const depth = this.#depths[node] ?? 0;
      const next = grammar.step(path[depth] ?? situation, this.#bytes[node] ?? 0);
      if (next === null) {
        node = this.#skips[node] ?? this.#bytes.length;
        continue;
      }
      path[depth + 1] = next;
      const end = this.#firstIds[node + 1] ?? 0;
      for (let index = this.#firstIds[node] ?? 0; index < end; index++) allow(this.#ids[index] ?? 0);
      node++;
    }
    if (situation.isEnd) for (const id of eosIds) allow(id);
    return mask;
  }
}

function bytesOf({ bytes, ends }: Vocabulary, id: number): Uint8Array<SharedArrayBuffer> {
  return bytes.subarray(ends[id - 1] ?? 0, ends[id]);
}

/** Finds for each node the next that is no deeper. */
function skipsOf(depths: Uint16Array): Int32Array {
  const skips = new Int32Array(depths.length);
  const nearest: number[] = [];
  for (let node = depths.length - 1; node >= 0; node--) {
    const depth = depths[node] ?? 0;
    nearest.length = Math.max(nearest.length, depth + 1);
    let skip = depths.length;
    for (let less = 0; less <= depth; less++) skip = Math.min(skip, nearest[less] ?? depths.length);
    skips[node] = skip;
    nearest[depth] = node;
  }
  return skips;
}
