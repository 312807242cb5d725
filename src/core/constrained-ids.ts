// The way of one sequence through its constraint: state, mask of the next id, and faults of the caller's code, which never leave here.
import { RangeValueError } from '../util/errors.ts';
import { ceilDiv } from '../util/math.ts';
import type { Constraint } from './constraint.ts';
import { ConstraintError } from './constraint-error.ts';

/** Ids that a sequence may generate next. */
export interface AllowedIds {
  /** Bit `id & 31` of word `id >> 5`. */
  readonly words: Uint32Array;
  /** True where each of them ends the sequence. */
  readonly isComplete: boolean;
}

/** Parts of a sequence that its constraint is checked against. */
export interface ConstrainedSequence {
  readonly vocabSize: number;
  /** Ids that a sequence has before its first step. */
  readonly ids: readonly number[];
  /** Tokens that end a sequence. */
  readonly endIds: readonly number[];
}

/**
 * The allowed ids of one sequence, after the ids that it has. It starts when the sequence is about to, so that thousands may wait, and keeps
 * its state over preemptions. Its methods never throw: a fault stays in `failure`.
 */
export class ConstrainedIds<State = unknown> {
  readonly #constraint: Constraint<State>;
  readonly #sequence: ConstrainedSequence;
  /** Null before the start and after the end. */
  #state: { value: State } | null = null;
  #allowed: AllowedIds | null = null;
  #failure: ConstraintError | null = null;
  #hasStarted = false;
  /** Rises when a pending promise loses its meaning. */
  #epoch = 0;
  #onChange: () => void = () => {};

  constructor(constraint: Constraint<State>, sequence: ConstrainedSequence) {
    this.#constraint = constraint;
    this.#sequence = sequence;
  }

  /** The ids that are allowed next; null before the start, while a promise for them is pending, and after a fault. */
  get allowed(): AllowedIds | null {
    return this.#allowed;
  }

  /** Tells whether an id is among those that are allowed next. */
  allows(id: number): boolean {
    return this.#allowed !== null && isAllowed(this.#allowed.words, id);
  }

  /** The fault of the caller's code; null where there was none. */
  get failure(): ConstraintError | null {
    return this.#failure;
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Calls `onChange` whenever the allowed ids are there, or a fault is. */
  listen(onChange: () => void): void {
    this.#onChange = onChange;
  }

  /** Gets the first allowed ids; nothing happens when it has started. */
  start(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    const first = this.#call('start', (constraint) => ({ value: constraint.start() }));
    if (first === null) return;
    this.#state = first;
    for (const id of this.#sequence.ids) if (!this.#take(id)) return;
    this.#ask();
  }

  /** Moves on by an id that the sequence goes on after. */
  accept(id: number): void {
    if (this.#take(id)) this.#ask();
  }

  /** Releases the state; idempotent. @throws what the constraint does. */
  end(): void {
    this.#hasStarted = true;
    this.#epoch++;
    const state = this.#state;
    this.#state = null;
    this.#allowed = null;
    if (state !== null) this.#constraint.end?.(state.value);
  }

  #take(id: number): boolean {
    const state = this.#state;
    if (state === null || this.#failure !== null) return false;
    this.#allowed = null;
    const next = this.#call('accept', (constraint) => ({ value: constraint.accept(state.value, id) }));
    // The callee may have ended the request.
    if (next === null || this.#state === null) return false;
    this.#state = next;
    return true;
  }

  #ask(): void {
    const state = this.#state;
    if (state === null) return;
    const epoch = ++this.#epoch;
    // A state that has ended, or moved on, wants no mask.
    const isCurrent = () => epoch === this.#epoch;
    const asked = this.#call('allowed', (constraint) => {
      const words = constraint.allowed(state.value);
      return { words, isPending: isThenable(words) };
    });
    if (asked === null || !isCurrent()) return;
    if (!asked.isPending) {
      this.#set(asked.words);
      return;
    }
    Promise.resolve(asked.words).then(
      (words: unknown) => {
        if (isCurrent()) this.#set(words);
      },
      (cause: unknown) => {
        if (isCurrent()) this.#fail(ConstraintError.of('allowed', cause));
      },
    );
  }

  #set(words: unknown): void {
    try {
      this.#allowed = allowedIds(words, this.#sequence);
      this.#onChange();
    } catch (cause) {
      this.#fail(ConstraintError.of('allowed', cause));
    }
  }

  #call<T>(method: string, call: (constraint: Constraint<State>) => T): T | null {
    try {
      return call(this.#constraint);
    } catch (cause) {
      this.#fail(ConstraintError.of(method, cause));
      return null;
    }
  }

  #fail(failure: ConstraintError): void {
    this.#allowed = null;
    this.#failure ??= failure;
    this.#onChange();
  }
}

/** Counts the words of a mask of V ids. */
export function maskWords(vocabSize: number): number {
  return ceilDiv(vocabSize, 32);
}

function isAllowed(words: Uint32Array, id: number): boolean {
  return ((words[id >> 5]! >>> (id & 31)) & 1) === 1;
}

/** Checks a mask and copies it: the caller may overwrite its own. @throws RangeValueError for one that is none, or allows nothing. */
function allowedIds(given: unknown, { vocabSize, endIds }: ConstrainedSequence): AllowedIds {
  const length = maskWords(vocabSize);
  const expected = `a Uint32Array of ${length} words, a bit for each of ${vocabSize} ids`;
  if (!(given instanceof Uint32Array)) throw new RangeValueError('mask', given, expected);
  if (given.length !== length) {
    const isDetached = given.length === 0 && given.buffer instanceof ArrayBuffer && given.buffer.detached;
    throw new RangeValueError('mask', isDetached ? 'a detached buffer' : `${given.length} words`, expected);
  }
  const words = given.slice();
  const beyond = vocabSize % 32 === 0 ? 0 : words.at(-1)! >>> (vocabSize % 32);
  if (beyond !== 0) {
    const id = vocabSize + 31 - Math.clz32(beyond & -beyond);
    throw new RangeValueError('mask', `the bit of id ${id}`, `bits of ids in [0, ${vocabSize}) alone`);
  }
  if (allowsOnly(words, [])) throw new RangeValueError('number of allowed ids', 0, 'at least one');
  return { words, isComplete: allowsOnly(words, endIds) };
}

/** Tells whether a mask allows some ids and no others. */
function allowsOnly(words: Uint32Array, ids: readonly number[]): boolean {
  const bits = new Map<number, number>();
  for (const id of ids) bits.set(id >> 5, (bits.get(id >> 5) ?? 0) | (1 << (id & 31)));
  // Most masks have another id among the first.
  for (const [index, word] of words.entries()) {
    if (word !== 0 && (word & ~(bits.get(index) ?? 0)) !== 0) return false;
  }
  return true;
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
