// How soon a full queue has room again: by the time that the latest requests took once they had started, as many at a time as a batch
// holds. Time in which nothing ran does not count.
import type { EngineObserver } from '../engine/observe/observers.ts';
import type { FinishedRequest } from '../engine/request.ts';

const NUM_KEPT = 32;
const MIN_SECONDS = 1;
const MAX_SECONDS = 60;
const MS_PER_SECOND = 1000;

/** Observer of the pace of an engine. */
export class QueuePace implements EngineObserver {
  readonly #maxBatchSize: number;
  /** Milliseconds of the latest requests from their first step to their end, the oldest first. */
  readonly #times: number[] = [];

  constructor(maxBatchSize: number) {
    this.#maxBatchSize = maxBatchSize;
  }

  onFinish({ timings: { arrival, started, e2e } }: Pick<FinishedRequest, 'timings'>): void {
    if (started === null) return;
    this.#times.push(arrival + e2e - started);
    if (this.#times.length > NUM_KEPT) this.#times.shift();
  }

  /** Whole seconds until about `count` requests more have ended, from 1 to 60; 1 while none has. */
  secondsUntilEnds(count: number): number {
    const sum = this.#times.reduce((total, each) => total + each, 0);
    const mean = sum / Math.max(this.#times.length, 1) / MS_PER_SECOND;
    const seconds = Math.ceil((count * mean) / this.#maxBatchSize);
    return Math.min(Math.max(seconds, MIN_SECONDS), MAX_SECONDS);
  }
}
