// The number of steps that are submitted before their results are read. Ids never depend on it: a step takes from the GPU what the
// host has not read. So it may follow measured times.
import { maxUnreadIds } from '../core/logits-adjustment.ts';
import type { Runner } from '../core/runner.ts';
import type { SchedulerRow } from '../core/scheduler-output.ts';
import type { StepRecord } from './observe/step-record.ts';

/**
 * Readbacks within which a short step ends. While a step runs on the GPU, the result of the one before it travels to the host, and
 * the host makes and encodes the next: about as long again.
 */
const READBACKS = 2;
/** Steps in a row that must be short: one may seem so, when two results are noticed late and together. */
const REMEMBERED = 4;

/**
 * Steps left unread after a turn: none without overlap, one with it, and two while steps are so short that a GPU would have
 * run the one in flight before the host has read the last.
 */
export class UnreadSteps {
  readonly #overlap: boolean;
  readonly #runner: Pick<Runner, 'readbackMs'>;
  /** Most milliseconds that each of the last steps may have taken on the GPU. */
  readonly #durations = new Array<number>(REMEMBERED).fill(Number.POSITIVE_INFINITY);
  #lastFinished = Number.NEGATIVE_INFINITY;

  constructor(overlap: boolean, runner: Pick<Runner, 'readbackMs'>) {
    this.#overlap = overlap;
    this.#runner = runner;
  }

  /** Returns the number of steps to leave unread after a step of these rows. Rows whose penalties count ids need those of the others read. */
  numLeft(rows: readonly SchedulerRow[]): 0 | 1 | 2 {
    if (!this.#overlap) return 0;
    const isShort = Math.max(...this.#durations) < READBACKS * this.#readbackMs;
    return isShort && rows.every(({ sequence }) => maxUnreadIds(sequence.params) > 1) ? 2 : 1;
  }

  /**
   * Learns from a step of the engine. Its time on the GPU is at most that since the result before it, and at most that since its
   * submit without the readback: the first is right for a GPU that is never idle, the second for one that waited for the step.
   */
  observeStep({ submitted, finished }: StepRecord): void {
    this.#durations.push(Math.min(finished - this.#lastFinished, finished - submitted - this.#readbackMs));
    this.#durations.shift();
    this.#lastFinished = finished;
  }

  get #readbackMs(): number {
    return this.#runner.readbackMs ?? 0;
  }
}
