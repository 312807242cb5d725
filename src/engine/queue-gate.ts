import type { Sequence } from '../core/sequence.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { RangeValueError } from '../util/errors.ts';
import { QueueFullError } from './errors.ts';

/** How much may wait; without a bound, everything. */
export interface QueueBounds {
  /** Requests that wait for a place in the batch. */
  readonly maxQueuedRequests?: number | undefined;
  /** Their prompt tokens. */
  readonly maxQueuedTokens?: number | undefined;
}

type QueueState = Pick<Scheduler, 'numWaiting' | 'numRunning' | 'maxRunning' | 'numWaitingTokens'>;

/** Turns requests away that would wait too long: a refusal at once is worth more than an answer too late. */
export class QueueGate {
  readonly #maxRequests: number;
  readonly #maxTokens: number;

  /** @throws RangeValueError for a bound that is no integer ≥ 0. */
  constructor({ maxQueuedRequests, maxQueuedTokens }: QueueBounds) {
    for (const [name, bound] of Object.entries({ maxQueuedRequests, maxQueuedTokens })) {
      if (bound !== undefined && !(Number.isInteger(bound) && bound >= 0)) {
        throw new RangeValueError(name, bound, 'an integer ≥ 0');
      }
    }
    this.#maxRequests = maxQueuedRequests ?? Number.POSITIVE_INFINITY;
    this.#maxTokens = maxQueuedTokens ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Lets a request pass that finds a place in the batch, or room in the queue.
   *
   * @throws QueueFullError
   */
  check(
    { requestId, promptIds }: Sequence,
    { numWaiting, numRunning, maxRunning, numWaitingTokens }: QueueState,
  ): void {
    const numQueued = numWaiting + 1 - (maxRunning - numRunning);
    if (numQueued <= 0) return;
    if (numQueued > this.#maxRequests) throw new QueueFullError(requestId, numQueued, this.#maxRequests, 'requests');
    const numTokens = numWaitingTokens + promptIds.length;
    if (numTokens > this.#maxTokens) throw new QueueFullError(requestId, numTokens, this.#maxTokens, 'prompt tokens');
  }
}
