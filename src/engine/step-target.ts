// The controller of `maxStepMs`: a step has a fixed cost and one by the token, and both are learnt from the steps before.
import type { StepRecord } from './observe/step-record.ts';

/** Tokens of the first step, before anything is known of the adapter. */
const FIRST_TOKENS = 16;
/** Fewest tokens that are asked for: a step has a fixed cost, too. */
const MIN_TOKENS = 8;

/**
 * Token budget for steps of about the target time: the tokens of an earlier step that was full or too slow, scaled by
 * target / time, changed at most twofold from one budget to the next.
 */
export class StepTarget {
  readonly #milliseconds: number;
  #tokens = FIRST_TOKENS;
  /** When the last step was done, in milliseconds of the engine's clock. */
  #lastFinished = Number.NEGATIVE_INFINITY;

  /** @param milliseconds A number > 0. */
  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** Budget of the next step. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Learns from a step of the engine. Of two that overlap, the second took its time from the end of the first. */
  observeStep({ rows, submitted, finished }: StepRecord): void {
    const numTokens = rows.reduce((sum, row) => sum + row.numTokens, 0);
    this.observe(numTokens, finished - Math.max(submitted, this.#lastFinished));
    this.#lastFinished = finished;
  }

  /** Learns from the tokens of a step and the milliseconds that it took. */
  observe(numTokens: number, milliseconds: number): void {
    if (numTokens < this.#tokens && milliseconds <= this.#milliseconds) return;
    const wanted = Math.floor((numTokens * this.#milliseconds) / milliseconds);
    const within = Math.min(Math.max(wanted, Math.floor(this.#tokens / 2)), 2 * this.#tokens);
    this.#tokens = Math.max(within, MIN_TOKENS);
  }
}
