// Calls that a model may begin: up to their opening any token may come, or none, and after it a grammar holds. Free text is followed here
// and not by the grammar, which would take many times as long to compile, and a turn of its thread for each token.
import type { Constraint } from '../core/constraint.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { type Pausable, Turns } from '../util/turns.ts';

/** Beginning of calls. */
export interface Opening {
  readonly text: string;
  /** Id of it where it is a control token, which has no text in an answer; null where it is text. */
  readonly id: number | null;
  /** Only the start of an answer may be the opening. */
  readonly isAtStart: boolean;
  /** The answer begins with it; for a control token alone, as the grammar has a text. */
  readonly isRequired: boolean;
}

/** State: place in the opening up to which the text has come, or null where no opening can come; the grammar's state after it. */
interface State {
  matched: number | null;
  inner: { value: unknown } | null;
}

const BITS = 32;
const SPACE = 0x20;
const kept = new WeakMap<Tokenizer, Map<string, Promise<Uint32Array[]>>>();
/** Tokens between two pauses. */
const SLICE = 4096;

/**
 * Makes a constraint of one for what follows the opening. A token that goes on after the end of the opening is not allowed: the grammar
 * begins with a token of its own.
 */
export async function afterOpening(
  constraint: Constraint,
  { text, id, isAtStart, isRequired }: Opening,
  { tokenizer, vocabSize }: { readonly tokenizer: Tokenizer; readonly vocabSize: number },
): Promise<Constraint<State>> {
  const bytes = new TextEncoder().encode(text);
  const numSpaces = isAtStart ? tokenizer.numLeadingSpaces : 0;
  const next = isAtStart ? startOf(bytes, numSpaces) : matcherOf(bytes);
  const end = numSpaces + bytes.length;
  const all = maskOf(vocabSize, () => true);
  const masks =
    id === null
      ? await keptMasks(tokenizer, JSON.stringify([text, isAtStart, vocabSize]), () =>
          new Turns().run(openingMasks(tokenizer, vocabSize, { last: bytes.at(-1) ?? 0, end, next })),
        )
      : [isRequired ? maskOf(vocabSize, (each) => each === id) : all];
  /** Gives the state of the text after a token. */
  const follow = (matched: number | null, token: number): number | null => {
    if (id !== null || tokenizer.isSpecial(token)) return matched;
    let at = matched;
    for (const byte of tokenizer.tokenBytes(token)) at = at === null ? null : next(at, byte);
    return at;
  };
  return {
    start: () => ({ matched: 0, inner: null }),
    allowed: ({ matched, inner }) => {
      if (inner !== null) return constraint.allowed(inner.value);
      return (matched === null ? all : masks[matched]) ?? all;
    },
    accept: (state, token) => {
      if (state.inner !== null) {
        state.inner.value = constraint.accept(state.inner.value, token);
        return state;
      }
      state.matched = follow(state.matched, token);
      if (token === id || (id === null && state.matched === end)) state.inner = { value: constraint.start() };
      return state;
    },
    end: ({ inner }) => {
      if (inner !== null) constraint.end?.(inner.value);
    },
  };
}

type Next = (at: number, byte: number) => number | null;

/** Makes the step along bytes that a text begins with, after spaces of which no text is made. */
function startOf(bytes: Uint8Array, numSpaces: number): Next {
  return (at, byte) => {
    if (at < numSpaces && byte === SPACE) return at + 1;
    const matched = Math.max(at, numSpaces);
    return byte === bytes[matched - numSpaces] ? matched + 1 : null;
  };
}

/** Makes the step of a search for bytes: the length of their longest beginning that the text ends with. */
function matcherOf(bytes: Uint8Array): Next {
  return (at, byte) => {
    for (let length = at; length >= 0; length--) {
      if (bytes[length] !== byte) continue;
      const isEnd = bytes.subarray(0, length).every((each, index) => each === bytes[at - length + index]);
      if (isEnd) return length + 1;
    }
    return 0;
  };
}

/** Finds masks that were made before, or makes them: a model has one opening. */
function keptMasks(tokenizer: Tokenizer, key: string, make: () => Promise<Uint32Array[]>): Promise<Uint32Array[]> {
  const known = kept.get(tokenizer) ?? new Map<string, Promise<Uint32Array[]>>();
  kept.set(tokenizer, known);
  const masks = known.get(key) ?? make();
  known.set(key, masks);
  return masks;
}

/** Makes the mask of each place in the opening: all tokens but those that go on after its end. */
function* openingMasks(
  tokenizer: Tokenizer,
  vocabSize: number,
  { last, end, next }: { readonly last: number; readonly end: number; readonly next: Next },
): Pausable<Uint32Array[]> {
  const masks = Array.from({ length: end }, () => maskOf(vocabSize, () => true));
  for (let id = 0; id < vocabSize; id++) {
    if (id % SLICE === SLICE - 1) yield;
    const inside = tokenizer.isSpecial(id) ? new Uint8Array() : tokenizer.tokenBytes(id).subarray(0, -1);
    if (!inside.includes(last)) continue;
    for (const [start, mask] of masks.entries()) {
      let at: number | null = start;
      for (const byte of inside) {
        at = at === null ? null : next(at, byte);
        if (at === end) break;
      }
      if (at === end) mask[id >>> 5] = (mask[id >>> 5] ?? 0) & ~(1 << (id & 31));
    }
  }
  return masks;
}

function maskOf(vocabSize: number, isAllowed: (id: number) => boolean): Uint32Array {
  const mask = new Uint32Array(Math.ceil(vocabSize / BITS));
  for (let id = 0; id < vocabSize; id++) if (isAllowed(id)) mask[id >>> 5] = (mask[id >>> 5] ?? 0) | (1 << (id & 31));
  return mask;
}
