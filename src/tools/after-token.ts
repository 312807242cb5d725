// Calls that begin with a token that is no text: up to it any token may come, or none, and after it a grammar holds.
import type { Constraint } from '../core/constraint.ts';

/** A token that begins calls. */
export interface OpeningToken {
  readonly id: number;
  /** The answer begins with it. */
  readonly isRequired: boolean;
  /** Number of ids of the model. */
  readonly vocabSize: number;
  /** Ids that come neither before nor in place of it, such as other control tokens. */
  readonly isBarred: (id: number) => boolean;
}

/** State: the grammar's from the token on, null before it. */
interface State {
  inner: { value: unknown } | null;
}

const BITS = 32;

/** Makes a constraint of one for what follows a token. */
export function afterToken(
  constraint: Constraint,
  { id: opening, isRequired, vocabSize, isBarred }: OpeningToken,
): Constraint<State> {
  const mask = new Uint32Array(Math.ceil(vocabSize / BITS));
  for (let id = 0; id < vocabSize; id++) {
    if (id === opening || !(isRequired || isBarred(id))) mask[id >>> 5] = (mask[id >>> 5] ?? 0) | (1 << (id & 31));
  }
  return {
    start: () => ({ inner: null }),
    allowed: ({ inner }) => (inner === null ? mask : constraint.allowed(inner.value)),
    accept: (state, id) => {
      if (state.inner !== null) state.inner.value = constraint.accept(state.inner.value, id);
      else if (id === opening) state.inner = { value: constraint.start() };
      return state;
    },
    end: ({ inner }) => {
      if (inner !== null) constraint.end?.(inner.value);
    },
  };
}
