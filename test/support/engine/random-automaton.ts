// Constraints of the tests: a random automaton, whose allowed ids can be listed without an engine, and wrappers that count and delay.
import type { Constraint } from '../../../src/core/constraint.ts';
import { hashSeed } from '../../../src/util/rng.ts';

const NUM_STATES = 24;
/** Most ids that a narrow state allows. */
const MAX_NARROW = 9;

export interface AutomatonOptions {
  readonly vocabSize: number;
  /** Allowed alone in some states, which so complete a text, and with others in some; by default in none. */
  readonly eosId?: number;
}

/** Makes the mask of some ids. */
export function maskOf(vocabSize: number, ids: readonly number[]): Uint32Array {
  const mask = new Uint32Array(Math.ceil(vocabSize / 32));
  for (const id of ids) mask[id >> 5]! |= 1 << (id & 31);
  return mask;
}

/** An automaton of 24 states that is a function of its seed. Some of them allow one id, some a few, and some all but a few. */
export class RandomAutomaton implements Constraint<number> {
  readonly #seed: number;
  readonly #vocabSize: number;
  readonly #eosId: number | null;
  readonly #ids = new Map<number, readonly number[]>();
  readonly #masks = new Map<number, Uint32Array>();

  constructor(seed: number, { vocabSize, eosId }: AutomatonOptions) {
    this.#seed = seed;
    this.#vocabSize = vocabSize;
    this.#eosId = eosId ?? null;
  }

  start(): number {
    return 0;
  }

  allowed(state: number): Uint32Array {
    const mask = this.#masks.get(state) ?? maskOf(this.#vocabSize, this.idsOf(state));
    this.#masks.set(state, mask);
    return mask;
  }

  accept(state: number, id: number): number {
    if (!this.idsOf(state).includes(id)) throw new Error(`id ${id} is not allowed in state ${state}`);
    return this.#draw(state, id) % NUM_STATES;
  }

  /** The ids of a state, the lowest first. */
  idsOf(state: number): readonly number[] {
    const ids = this.#ids.get(state) ?? this.#drawIds(state);
    this.#ids.set(state, ids);
    return ids;
  }

  /** The ids that may follow some ids. */
  idsAfter(ids: readonly number[]): readonly number[] {
    return this.idsOf(ids.reduce((state, id) => this.accept(state, id), this.start()));
  }

  #drawIds(state: number): readonly number[] {
    const kind = this.#draw(state, -1) % 8;
    const isEnd = kind === 0 && state > 0;
    const count = kind === 1 ? 1 : 2 + (this.#draw(state, -2) % (MAX_NARROW - 1));
    const some = new Set(Array.from({ length: count }, (_, i) => this.#draw(state, -3 - i) % this.#vocabSize));
    const all = Array.from({ length: this.#vocabSize }, (_, id) => id);
    const ids = kind > 5 ? all.filter((id) => !some.has(id)) : [...some];
    const eosId = this.#eosId;
    if (eosId === null) return ids.sort((a, b) => a - b);
    const others = ids.filter((id) => id !== eosId);
    if (isEnd || others.length === 0) return [eosId];
    return [...others, ...(kind > 3 ? [eosId] : [])].sort((a, b) => a - b);
  }

  #draw(state: number, index: number): number {
    return hashSeed(hashSeed(this.#seed, state), index + 1000);
  }
}

/** Calls of a constraint. */
export interface Calls {
  readonly started: unknown[];
  readonly accepted: number[];
  readonly ended: unknown[];
}

/** A constraint that notes its calls. */
export function counted<State>(constraint: Constraint<State>): { constraint: Constraint<State>; calls: Calls } {
  const calls: Calls = { started: [], accepted: [], ended: [] };
  return {
    calls,
    constraint: {
      start() {
        const state = constraint.start();
        calls.started.push(state);
        return state;
      },
      allowed: (state) => constraint.allowed(state),
      accept(state, id) {
        calls.accepted.push(id);
        return constraint.accept(state, id);
      },
      end(state) {
        calls.ended.push(state);
      },
    },
  };
}

/** A constraint whose masks come when the promise of their index does. */
export function delayed<State>(
  constraint: Constraint<State>,
  until: (index: number) => Promise<unknown>,
): Constraint<State> {
  let index = 0;
  return {
    start: () => constraint.start(),
    allowed: (state) => until(index++).then(() => constraint.allowed(state)),
    accept: (state, id) => constraint.accept(state, id),
  };
}
