// A constraint that is still being made: requests start with it at once, and have their first mask when it is there.
import type { Constraint } from '../core/constraint.ts';

/** State of a request in a constraint that has come. */
interface Begun {
  readonly constraint: Constraint;
  state: unknown;
}

/** Makes a constraint of one to come; where none does, requests end with the error instead. */
export function lateConstraint(coming: Promise<Constraint>): Constraint<LateState> {
  coming.catch(() => {}); // it is that of the requests, of which there may be none
  return {
    start: () => new LateState(coming),
    allowed: (late) => late.allowed(),
    accept: (late, id) => late.accept(id),
    end: (late) => late.end(),
  };
}

/** State of a request, before its constraint has come and after. */
class LateState {
  readonly #ready: Promise<Begun>;
  #begun: Begun | null = null;
  /** Ids that came before the constraint. */
  readonly #ids: number[] = [];

  constructor(coming: Promise<Constraint>) {
    this.#ready = coming.then((constraint) => this.#begin(constraint));
    this.#ready.catch(() => {});
  }

  allowed(): Uint32Array | PromiseLike<Uint32Array> {
    if (this.#begun === null) return this.#ready.then(({ constraint, state }) => constraint.allowed(state));
    return this.#begun.constraint.allowed(this.#begun.state);
  }

  accept(id: number): this {
    if (this.#begun === null) this.#ids.push(id);
    else this.#begun.state = this.#begun.constraint.accept(this.#begun.state, id);
    return this;
  }

  end(): void {
    if (this.#begun === null) this.#ready.then(endOf).catch(() => {});
    else endOf(this.#begun);
  }

  #begin(constraint: Constraint): Begun {
    const state = this.#ids.reduce((at, id) => constraint.accept(at, id), constraint.start());
    this.#begun = { constraint, state };
    return this.#begun;
  }
}

function endOf({ constraint, state }: Begun): void {
  constraint.end?.(state);
}
