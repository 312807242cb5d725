// The live view of an engine for the server's page: sizes and times of its requests, never their texts or ids, which belong to callers.
import type { EngineObserver } from '../../engine/observe/observers.ts';
import type { StepRecord } from '../../engine/observe/step-record.ts';
import type { FinishedRequest } from '../../engine/request.ts';

/** State of a request after its last step. */
export type Phase = 'prefill' | 'decode' | 'preempted';

/** A request that has been in a step and has not ended. */
export interface LiveRequest {
  /** Counted from 1, in the order of first steps. */
  readonly number: number;
  readonly phase: Phase;
  /** Tokens whose keys and values are in the cache. */
  readonly numTokens: number;
  readonly generated: number;
}

/** One second of an engine. */
export interface LiveSecond {
  /** Seconds since the view began. */
  readonly second: number;
  readonly steps: number;
  readonly generated: number;
  readonly prefilled: number;
  /** Most rows of a step. */
  readonly rows: number;
  readonly waiting: number;
  /** Mean times in milliseconds; null where no request had one. */
  readonly ttft: number | null;
  readonly itl: number | null;
}

/** Seconds that are kept. */
const HISTORY = 120;
/** Ended requests that are known as such: more than the steps in flight can have rows of. */
const MAX_ENDED = 1024;

/** A request while it lives. */
interface Entry {
  readonly number: number;
  phase: Phase;
  numTokens: number;
  generated: number;
  /** Time of its last id, in milliseconds of the engine's clock. */
  lastId: number | null;
}

/** Sums of a second. */
interface Sums {
  readonly second: number;
  steps: number;
  generated: number;
  prefilled: number;
  rows: number;
  waiting: number;
  ttft: { sum: number; num: number };
  itl: { sum: number; num: number };
}

/** Observer of an engine that keeps what its page shows. */
export class LiveView implements EngineObserver {
  readonly #entries = new Map<string, Entry>();
  /** Requests that ended of late, of which a step in flight may still have rows. */
  readonly #ended = new Set<string>();
  readonly #begin: number;
  readonly #now: () => number;
  #seconds: Sums[] = [];
  #numRequests = 0;

  /** @param now a clock in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#begin = now();
  }

  /** Seconds since the view began, that under way included. */
  get second(): number {
    return Math.floor((this.#now() - this.#begin) / 1000);
  }

  /** Requests under way, in the order of their first steps. */
  get requests(): LiveRequest[] {
    return [...this.#entries.values()].map(({ lastId: _, ...request }) => request);
  }

  /** The last two minutes, of which a second without steps is left out. */
  get seconds(): LiveSecond[] {
    this.#drop();
    return this.#seconds.map(({ ttft, itl, ...rest }) => ({ ...rest, ttft: mean(ttft), itl: mean(itl) }));
  }

  onStep({ rows, preempted, numWaiting, finished }: StepRecord): void {
    const sums = this.#current();
    sums.steps++;
    sums.rows = Math.max(sums.rows, rows.length);
    sums.waiting = numWaiting;
    for (const { requestId, start, numTokens, samples } of rows) {
      if (this.#ended.has(requestId)) continue;
      const entry = this.#entryOf(requestId);
      entry.numTokens = start + numTokens;
      entry.phase = entry.generated > 0 && numTokens === 1 ? 'decode' : 'prefill';
      if (entry.phase === 'prefill') sums.prefilled += numTokens;
      if (!samples) continue;
      entry.generated++;
      entry.phase = 'decode';
      sums.generated++;
      if (entry.lastId !== null) add(sums.itl, finished - entry.lastId);
      entry.lastId = finished;
    }
    for (const requestId of preempted) {
      const entry = this.#entries.get(requestId);
      if (entry === undefined) continue;
      entry.phase = 'preempted';
      entry.numTokens = 0;
    }
  }

  onFinish({ requestId, timings }: Pick<FinishedRequest, 'requestId' | 'timings'>): void {
    this.#entries.delete(requestId);
    this.#ended.add(requestId);
    if (this.#ended.size > MAX_ENDED) this.#ended.delete(this.#ended.values().next().value ?? '');
    if (timings.ttft !== null) add(this.#current().ttft, timings.ttft);
  }

  #entryOf(requestId: string): Entry {
    const found = this.#entries.get(requestId);
    if (found !== undefined) return found;
    const entry: Entry = { number: ++this.#numRequests, phase: 'prefill', numTokens: 0, generated: 0, lastId: null };
    this.#entries.set(requestId, entry);
    return entry;
  }

  #current(): Sums {
    const { second } = this;
    const last = this.#seconds.at(-1);
    if (last?.second === second) return last;
    const none = () => ({ sum: 0, num: 0 });
    const sums = { second, steps: 0, generated: 0, prefilled: 0, rows: 0, waiting: 0, ttft: none(), itl: none() };
    this.#seconds.push(sums);
    this.#drop();
    return sums;
  }

  #drop(): void {
    const first = this.second - HISTORY;
    this.#seconds = this.#seconds.filter(({ second }) => second > first);
  }
}

function add(sums: { sum: number; num: number }, value: number): void {
  sums.sum += value;
  sums.num++;
}

function mean({ sum, num }: { readonly sum: number; readonly num: number }): number | null {
  return num === 0 ? null : sum / num;
}
