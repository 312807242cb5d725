// The bound of the queue: overload is refused on arrival, not ended by deadlines later.
import type { ReadonlySequence } from '../core/sequence.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { QueueFullError } from './errors.ts';

/** Most requests that may wait; by default any number. */
export interface QueueBounds {
  /** Requests that wait for a place in the batch. */
  readonly maxQueuedRequests?: number | undefined;
  /** Their prompt tokens. */
  readonly maxQueuedTokens?: number | undefined;
}

type QueueState = Pick<Scheduler, 'numWaiting' | 'numRunning' | 'maxRunning' | 'numWaitingTokens'>;

/** Refuses requests that would wait too long: an immediate refusal is worth more than a late answer. */
export class QueueGate {
  readonly #maxRequests: number;
  readonly #maxTokens: number;

  constructor({ maxQueuedRequests, maxQueuedTokens }: QueueBounds) {
    this.#maxRequests = maxQueuedRequests ?? Number.POSITIVE_INFINITY;
    this.#maxTokens = maxQueuedTokens ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Lets a request pass if it finds a place in the batch, or room in the queue.
   *
   * @throws QueueFullError
   */
  check(
    { requestId, promptIds }: ReadonlySequence,
    { numWaiting, numRunning, maxRunning, numWaitingTokens }: QueueState,
  ): void {
    const numQueued = numWaiting + 1 - (maxRunning - numRunning);
    if (numQueued <= 0) return;
    if (numQueued > this.#maxRequests) throw new QueueFullError(requestId, numQueued, this.#maxRequests, 'requests');
    const numTokens = numWaitingTokens + promptIds.length;
    if (numTokens > this.#maxTokens) throw new QueueFullError(requestId, numTokens, this.#maxTokens, 'prompt tokens');
  }
}
