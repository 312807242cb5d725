import { setImmediate } from 'node:timers/promises';
import { type Clock, systemClock } from '../core/clock.ts';
import { planBatch } from '../core/plan-batch.ts';
import type { Runner, StepResult } from '../core/runner.ts';
import type { SchedulerRow } from '../core/scheduler-output.ts';
import type { Sequence } from '../core/sequence.ts';
import { createScheduler, type SchedulerName } from '../scheduler/create-scheduler.ts';
import type { Scheduler, SequenceUpdate } from '../scheduler/scheduler.ts';
import { RangeValueError } from '../util/errors.ts';
import { createSequence } from './create-sequence.ts';
import { Detokenizer } from './detokenizer.ts';
import { EngineClosedError, MissingLogprobsError, StepResultError } from './errors.ts';
import { LiveRequest, type RequestEnd } from './live-request.ts';
import type { FinishedRequest, GenerationRequest, RequestHandle } from './request.ts';
import { TextStream } from './text-stream.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface EngineOptions {
  /** Stays the caller's: engines may use one runner one after another, each from its start to its `close`. */
  readonly runner: Runner;
  readonly tokenizer: Tokenizer;
  /** Default `online`. */
  readonly scheduler?: SchedulerName | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
  /** Whether a step is submitted before the ids of the one before it are read; default true. The ids are the same. */
  readonly overlap?: boolean | undefined;
}

/** A submitted step. */
interface Step {
  readonly rows: readonly SchedulerRow[];
  /** Never rejects. */
  readonly outcome: Promise<StepOutcome>;
}

/** What came of a step; `time` is when the host knew, in milliseconds of the engine's clock. */
type StepOutcome =
  | { readonly time: number; readonly error: string }
  | {
      readonly time: number;
      readonly error: null;
      readonly sampled: readonly SchedulerRow[];
      readonly result: StepResult;
    };

/**
 * Generates text: requests in, finished requests or streams out.
 *
 * All callers share one loop of steps, so their requests are batched. A fault inside a step ends the requests in it and
 * no others.
 */
export class Engine {
  readonly #runner: Runner;
  readonly #tokenizer: Tokenizer;
  readonly #scheduler: Scheduler;
  readonly #clock: Clock;
  readonly #overlap: boolean;
  /** Requests that have not ended, by id. */
  readonly #live = new Map<string, LiveRequest>();
  /** Oldest first: at most one between turns, two within. */
  readonly #inFlight: Step[] = [];
  /** The turn and the loop under way, for others to join. */
  #turn: Promise<boolean> | null = null;
  #loop: Promise<void> | null = null;
  #isClosed = false;

  /** @throws RangeValueError for an unknown scheduler or limits of the runner that make no sense. */
  constructor({ runner, tokenizer, scheduler = 'online', clock = systemClock, overlap = true }: EngineOptions) {
    this.#runner = runner;
    this.#tokenizer = tokenizer;
    this.#scheduler = createScheduler(scheduler, runner.limits);
    this.#clock = clock;
    this.#overlap = overlap;
  }

  /** Whether a request has not ended or a step is in flight. */
  get hasUnfinished(): boolean {
    return this.#live.size > 0 || this.#inFlight.length > 0;
  }

  /**
   * Queues a request for `step` or `run`, whoever calls it; does no GPU work.
   *
   * @throws RangeValueError for a request that is not valid or has the id of one that has not ended.
   * @throws RequestTooLargeError for one that could not run even alone.
   * @throws EngineClosedError after `close`.
   */
  addRequest(request: GenerationRequest): RequestHandle {
    const { sequence, finished } = this.#add(request);
    return { requestId: sequence.requestId, finished };
  }

  /**
   * One turn: schedules and submits the next step, then reads the one before it (with overlap) or this one. A call
   * while a turn is under way joins it. Returns whether there is more to do.
   */
  step(): Promise<boolean> {
    this.#turn ??= this.#takeTurn().finally(() => {
      this.#turn = null;
    });
    return this.#turn;
  }

  /** Steps until nothing is unfinished, requests that arrive meanwhile included. A call while it runs joins the loop. */
  run(): Promise<void> {
    if (this.hasUnfinished) this.#loop ??= this.#runLoop();
    return this.#loop ?? Promise.resolve();
  }

  /**
   * Runs a request to its end. It resolves for a request that was aborted or failed, too: `finishReason` tells.
   *
   * @throws what `addRequest` throws.
   */
  async generate(request: GenerationRequest): Promise<FinishedRequest> {
    const { finished } = this.#add(request);
    this.#startLoop();
    return finished;
  }

  /**
   * Runs requests to their ends; the responses come in the order of the requests. If one is refused, none runs.
   *
   * @throws what `addRequest` throws.
   */
  async generateBatch(requests: readonly GenerationRequest[]): Promise<FinishedRequest[]> {
    const added: LiveRequest[] = [];
    try {
      for (const request of requests) added.push(this.#add(request));
    } catch (error) {
      for (const live of added) this.#abort(live);
      throw error;
    }
    this.#startLoop();
    return Promise.all(added.map((live) => live.finished));
  }

  /**
   * Runs a request and yields a piece per id as it arrives; returns the finished request. Leaving early aborts it. The
   * request is queued by this call, not by the first `next`.
   *
   * @throws what `addRequest` throws; and RequestFailedError, from `next`, for a request that ends with `error`.
   */
  stream(request: GenerationRequest): TextStream {
    const live = this.#add(request);
    this.#startLoop();
    return new TextStream(live, () => this.#abort(live));
  }

  /** Ends a request at once and frees its blocks. False when no unfinished request has this id. */
  abort(requestId: string): boolean {
    const live = this.#live.get(requestId);
    if (live === undefined) return false;
    this.#abort(live);
    return true;
  }

  /** Aborts what is unfinished, waits for steps in flight and takes no more requests; idempotent. The runner stays open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const live of this.#live.values()) this.#abort(live);
    await this.run();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #add(request: GenerationRequest): LiveRequest {
    if (this.#isClosed) throw new EngineClosedError();
    const arrival = this.#clock.now();
    const sequence = createSequence(request, { tokenizer: this.#tokenizer, limits: this.#runner.limits, arrival });
    const { requestId } = sequence;
    if (this.#live.has(requestId)) {
      throw new RangeValueError('requestId', requestId, 'one that no unfinished request has');
    }
    this.#scheduler.addRequest(sequence);
    const live = new LiveRequest(sequence, new Detokenizer(this.#tokenizer, sequence.params));
    this.#live.set(requestId, live);
    if (request.signal !== undefined) live.listen(request.signal, () => this.#abort(live));
    return live;
  }

  /** The loop for callers who wait for a request and not for the loop: a fault of the loop ends the request. */
  #startLoop(): void {
    this.run().catch(() => {});
  }

  async #runLoop(): Promise<void> {
    try {
      while (this.hasUnfinished) {
        // Timers, sockets and signals get a turn before each step, and requests that come together start together.
        await setImmediate();
        await this.step();
      }
    } finally {
      this.#loop = null;
    }
  }

  async #takeTurn(): Promise<boolean> {
    try {
      const { rows } = this.#scheduler.schedule();
      if (rows.length > 0) this.#inFlight.push({ rows, outcome: this.#execute(rows) });
      const numLeft = this.#overlap && rows.length > 0 ? 1 : 0;
      const [due] = this.#inFlight;
      if (due !== undefined && this.#inFlight.length > numLeft) {
        const outcome = await due.outcome;
        this.#inFlight.shift();
        this.#apply(due.rows, outcome);
      }
    } catch (error) {
      // No step to blame: everybody hears of it, so that nobody waits for a loop that has ended.
      for (const live of this.#live.values()) this.#stop(live, 'error', messageOf(error));
      throw error;
    }
    return this.hasUnfinished;
  }

  /** Submits a step before it returns. The ids are stamped as they arrive, not when a later turn reads them. */
  async #execute(rows: readonly SchedulerRow[]): Promise<StepOutcome> {
    try {
      const { plan, sampled } = planBatch(rows, this.#runner.limits);
      const result = await this.#runner.execute(plan);
      checkResult(result, sampled);
      return { time: this.#clock.now(), error: null, sampled, result };
    } catch (error) {
      return { time: this.#clock.now(), error: messageOf(error) };
    }
  }

  #apply(rows: readonly SchedulerRow[], outcome: StepOutcome): void {
    const { time, error } = outcome;
    if (error !== null) {
      for (const sequence of this.#scheduler.fail(rows)) this.#end(sequence, { finishReason: 'error', time, error });
      return;
    }
    for (const update of this.#scheduler.update(outcome.sampled, outcome.result)) {
      const live = this.#live.get(update.sequence.requestId);
      if (live !== undefined) this.#deliver(live, update, time);
    }
  }

  #deliver(live: LiveRequest, { sequence, id, logprobs, finishReason }: SequenceUpdate, time: number): void {
    if (id === null) {
      const error = `logits for position ${sequence.numTokens} are not finite`;
      this.#end(sequence, { finishReason: 'error', time, error });
      return;
    }
    try {
      if (live.receive(id, time, logprobs)) {
        this.#scheduler.abort(sequence, 'stop');
        this.#end(sequence, { finishReason: 'stop', time, error: null });
        return;
      }
    } catch (error) {
      this.#stop(live, 'error', messageOf(error)); // its text can't be made; the others go on
      return;
    }
    if (finishReason !== null) this.#end(sequence, { finishReason, time, error: null });
  }

  /** Aborts a request; nothing happens when it has ended. */
  #abort(live: LiveRequest): void {
    if (live.sequence.status !== 'finished') this.#stop(live, 'abort', null);
  }

  /** Ends a live request for a reason that the scheduler doesn't know of. */
  #stop({ sequence }: LiveRequest, finishReason: 'abort' | 'error', error: string | null): void {
    this.#scheduler.abort(sequence, finishReason);
    this.#end(sequence, { finishReason, time: this.#clock.now(), error });
  }

  /** Settles a live request, whose sequence has finished. */
  #end({ requestId }: Sequence, end: RequestEnd): void {
    const live = this.#live.get(requestId);
    this.#live.delete(requestId);
    live?.end(end);
  }
}

/** @throws StepResultError when a row lacks its id, its flag or the log-probabilities that it asked for. */
function checkResult({ ids, finite, logprobs }: StepResult, sampled: readonly SchedulerRow[]): void {
  const numRows = sampled.length;
  if (ids.length !== numRows || finite.length !== numRows)
    throw new StepResultError(ids.length, finite.length, numRows);
  const lacking = sampled.findIndex(({ sequence }, row) => sequence.params.logprobs !== null && !logprobs?.[row]);
  if (lacking >= 0) throw new MissingLogprobsError(lacking);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
