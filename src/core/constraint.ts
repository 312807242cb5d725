// The hook of structured output: a rule of the caller's for the ids that a request may generate. It says which are allowed after those
// before; the engine knows neither grammars nor schemas.

/**
 * Rule for the ids that one request may generate. Of several choices of a prompt, each starts it anew.
 *
 * Its methods are called between steps, so that slow ones delay all requests. What they throw, or reject with, ends the request with `error`
 * and no other.
 */
export interface Constraint<State = unknown> {
  /** Gives the state before the first generated id. */
  start(): State;
  /**
   * Gives the ids that are allowed next: bit `id & 31` of word `id >> 5`, in ceil(V / 32) words of which no bit from V on is set. They
   * are copied. While a promise is pending the request is held out of steps, and the others go on.
   *
   * Where nothing but tokens that end the request are allowed, it is complete: these are allowed whatever `minTokens` and `ignoreEos` say.
   * Where no id is allowed, it ends with `error`.
   */
  allowed(state: State): Uint32Array | PromiseLike<Uint32Array>;
  /** Gives the state after an id that was generated, or one of `resume`; it may be the same object, changed. Not called for an id that ends the request. */
  accept(state: State, id: number): State;
  /** Releases what a state holds: called once, with the last one, however the request ends. Not called where `start` was not. */
  end?(state: State): void;
}
