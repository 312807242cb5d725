import { RangeValueError } from '../../util/errors.ts';

/** Tokens of the first step, when nothing is known of the adapter. */
const FIRST_TOKENS = 16;
/** Fewer tokens are not asked for: a step has a fixed cost, too. */
const MIN_TOKENS = 8;

/**
 * How many tokens a step may have to take about the target time, learnt from the steps before it: the tokens of a step that was
 * full or too slow, scaled by target / time, at most to twice or half of what was asked for.
 */
export class StepTarget {
  readonly #milliseconds: number;
  #tokens = FIRST_TOKENS;

  /** @throws RangeValueError unless `milliseconds` is a number > 0. */
  constructor(milliseconds: number) {
    if (!(Number.isFinite(milliseconds) && milliseconds > 0)) {
      throw new RangeValueError('maxStepMs', milliseconds, 'a number > 0');
    }
    this.#milliseconds = milliseconds;
  }

  /** For the next step. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Learns from the tokens of a step and the milliseconds that it took. */
  observe(numTokens: number, milliseconds: number): void {
    if (numTokens < this.#tokens && milliseconds <= this.#milliseconds) return;
    const wanted = Math.floor((numTokens * this.#milliseconds) / milliseconds);
    const within = Math.min(Math.max(wanted, Math.floor(this.#tokens / 2)), 2 * this.#tokens);
    this.#tokens = Math.max(within, MIN_TOKENS);
  }
}
