// The requests of an engine that have not ended, and the one place where they end.
import type { Clock } from '../core/clock.ts';
import type { Sequence } from '../core/sequence.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { RangeValueError } from '../util/errors.ts';
import { messageOf } from '../util/message-of.ts';
import { Bell } from './bell.ts';
import { Deadlines } from './deadlines.ts';
import { FaultReport } from './fault-report.ts';
import type { LiveRequest, RequestEnd } from './live-request.ts';
import type { Observers } from './observe/observers.ts';

/** Most milliseconds that a wait for a change takes. */
const MAX_WAIT = 20;

/** Parts of an engine that its live requests work with. */
export interface LiveRequestsOptions {
  readonly scheduler: Pick<Scheduler, 'abort'>;
  readonly clock: Clock;
  /** The caller's clock, which `clock` reads. */
  readonly kind: Clock;
  readonly observers: Observers;
}

/** The requests that have not ended. Each is ended here and nowhere else, so it has one end. */
export class LiveRequests {
  readonly #scheduler: Pick<Scheduler, 'abort'>;
  readonly #clock: Clock;
  readonly #observers: Observers;
  readonly #byId = new Map<string, LiveRequest>();
  readonly #deadlines: Deadlines;
  /** Rung when a request is added, ends, or may go on. */
  readonly #bell = new Bell();
  /** Those whose constraint has failed. */
  readonly #failed = new Set<LiveRequest>();
  readonly #faults = new FaultReport('end() of a constraint');

  constructor({ scheduler, clock, kind, observers }: LiveRequestsOptions) {
    this.#scheduler = scheduler;
    this.#clock = clock;
    this.#observers = observers;
    this.#deadlines = new Deadlines(clock, kind, (live, lateMs) =>
      this.stop(live, 'abort', `deadline passed ${Math.ceil(lateMs)} ms ago`),
    );
  }

  get size(): number {
    return this.#byId.size;
  }

  get(requestId: string): LiveRequest | undefined {
    return this.#byId.get(requestId);
  }

  /** The request of a sequence; undefined once it has ended, though a newer one may have its id. */
  of(sequence: Sequence): LiveRequest | undefined {
    const live = this.#byId.get(sequence.requestId);
    return live?.sequence === sequence ? live : undefined;
  }

  /** @throws RangeValueError for an id that a request has which has not ended. */
  checkIsNew(requestId: string): void {
    if (this.#byId.has(requestId))
      throw new RangeValueError('requestId', requestId, 'one that no unfinished request has');
  }

  /** Adds a request whose id is new. */
  add(live: LiveRequest): void {
    this.#byId.set(live.sequence.requestId, live);
    this.#deadlines.add(live);
    const { constraint } = live.sequence;
    constraint?.listen(() => {
      if (constraint.failure !== null) this.#failed.add(live);
      this.#bell.ring();
    });
    this.#bell.ring();
  }

  /** Waits until one has come, ended, or may go on, but not for long: a clock or a runner of the caller's gives no sign. */
  async change(): Promise<void> {
    await this.#bell.wait(MAX_WAIT);
  }

  /** Ends requests whose deadline has passed, and those whose constraint has failed: it may fail while a step is scheduled. */
  expire(): void {
    this.#deadlines.expire();
    for (const live of this.#failed) this.stop(live, 'error', messageOf(live.sequence.constraint?.failure));
  }

  /** Aborts a request for its caller; nothing happens when it has ended or is about to. */
  abort(live: LiveRequest, reason: unknown = null): void {
    if (live.sequence.status !== 'finished') this.stop(live, 'abort', null, reason);
  }

  /** Ends a request for a reason that the scheduler doesn't know of. */
  stop(live: LiveRequest, finishReason: 'abort' | 'error', error: string | null, abortReason: unknown = null): void {
    try {
      this.#scheduler.abort(live.sequence, finishReason);
    } finally {
      this.end(live.sequence, { finishReason, time: this.#clock.now(), error, abortReason });
    }
  }

  /** Ends all requests that there are; those that observers add meanwhile are new ones. */
  stopAll(finishReason: 'abort' | 'error', error: string | null): void {
    const faults: unknown[] = [];
    for (const live of [...this.#byId.values()]) {
      try {
        this.stop(live, finishReason, error);
      } catch (fault) {
        faults.push(fault);
      }
    }
    if (faults.length > 0) throw faults[0];
  }

  /** Settles the request of a sequence that has finished; nothing happens when it has ended. */
  end(sequence: Sequence, end: RequestEnd): void {
    const live = this.of(sequence);
    if (live === undefined) return;
    this.#byId.delete(sequence.requestId);
    this.#deadlines.delete(live);
    this.#failed.delete(live);
    try {
      sequence.constraint?.end();
    } catch (error) {
      this.#faults.add(error);
    }
    this.#bell.ring();
    this.#observers.tellFinish(live.end(end));
  }
}
