import { setImmediate } from 'node:timers/promises';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Runner } from '../core/runner.ts';
import type { SchedulerRow } from '../core/scheduler-output.ts';
import type { Sequence } from '../core/sequence.ts';
import { createScheduler } from '../scheduler/create-scheduler.ts';
import type { Scheduler, SequenceUpdate } from '../scheduler/scheduler.ts';
import { RangeValueError } from '../util/errors.ts';
import { choicesOf } from './choices.ts';
import { createSequence } from './create-sequence.ts';
import { Detokenizer } from './detokenizer.ts';
import type { EngineOptions } from './engine-options.ts';
import { EngineClosedError, UnknownRequestError } from './errors.ts';
import { LiveRequest, type RequestEnd } from './live-request.ts';
import { QueueGate } from './queue-gate.ts';
import type { FinishedRequest, GenerationRequest, RequestHandle } from './request.ts';
import { messageOf, runStep, type StepOutcome } from './run-step.ts';
import { type ScheduledStep, StepLog } from './step-log.ts';
import { TextStream } from './text-stream.ts';
import type { Tokenizer } from './tokenizer.ts';

/** A submitted step. */
interface Step {
  readonly rows: readonly SchedulerRow[];
  readonly description: ScheduledStep;
  /** Never rejects. */
  readonly outcome: Promise<StepOutcome>;
}

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
  readonly #sharesPrefixes: boolean;
  readonly #gate: QueueGate;
  readonly #log: StepLog;
  readonly #observed: Pick<EngineOptions, 'onFinish' | 'timeline' | 'timeKernels'>;
  /** Requests that have not ended, by id. */
  readonly #live = new Map<string, LiveRequest>();
  /** Those of them that have a deadline. */
  readonly #timed = new Set<LiveRequest>();
  /** Oldest first: at most one between turns, two within. */
  readonly #inFlight: Step[] = [];
  /** The turn and the loop under way, for others to join. */
  #turn: Promise<boolean> | null = null;
  #loop: Promise<void> | null = null;
  #isClosed = false;
  #numForked = 0;

  /** @throws RangeValueError for an option out of range or limits of the runner that make no sense. */
  constructor(options: EngineOptions) {
    const { runner, tokenizer, scheduler = 'online', policy = 'fcfs', clock = systemClock, overlap = true } = options;
    const { prefixCache = true, maxStepMs, onStep = () => {}, onFinish, timeline, timeKernels } = options;
    this.#runner = runner;
    this.#tokenizer = tokenizer;
    this.#scheduler = createScheduler(scheduler, runner.limits, policy);
    this.#clock = clock;
    this.#overlap = overlap;
    this.#sharesPrefixes = prefixCache;
    this.#gate = new QueueGate(options);
    this.#log = new StepLog({ maxStepMs, onStep });
    this.#observed = { onFinish, timeline, timeKernels };
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
   * @throws QueueFullError for one that would wait behind too many.
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
    const added = this.#addAll(requests);
    this.#startLoop();
    return Promise.all(added.map((live) => live.finished));
  }

  /**
   * Queues `n` completions of one prompt, which is computed once: they share its full blocks. Choice j has the id of the
   * request with `-j` behind it and draws with `deriveSeed(seed, j)`. If one is refused, none is queued.
   *
   * @throws RangeValueError unless `n` is an integer in [1, 128]; and what `addRequest` throws.
   */
  addChoices(request: GenerationRequest, n: number): RequestHandle[] {
    return this.#addChoices(request, n).map(({ sequence, finished }) => ({ requestId: sequence.requestId, finished }));
  }

  /**
   * Runs `n` completions of one prompt to their ends.
   *
   * @throws what `addChoices` throws.
   */
  async generateChoices(request: GenerationRequest, n: number): Promise<FinishedRequest[]> {
    const added = this.#addChoices(request, n);
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

  /**
   * Ends a request at once and frees its blocks.
   *
   * @throws UnknownRequestError when no unfinished request has this id.
   */
  abort(requestId: string): void {
    const live = this.#live.get(requestId);
    if (live === undefined) throw new UnknownRequestError(requestId);
    this.#abort(live);
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

  #createSequence(request: GenerationRequest, prefixGroup?: string): Sequence {
    if (this.#isClosed) throw new EngineClosedError();
    const now = this.#clock.now();
    const { limits } = this.#runner;
    const sharesPrefixes = this.#sharesPrefixes;
    return createSequence(request, { tokenizer: this.#tokenizer, limits, now, sharesPrefixes, prefixGroup });
  }

  #add(request: GenerationRequest, prefixGroup?: string): LiveRequest {
    const sequence = this.#createSequence(request, prefixGroup);
    const { requestId, arrival } = sequence;
    if (this.#live.has(requestId)) {
      throw new RangeValueError('requestId', requestId, 'one that no unfinished request has');
    }
    this.#gate.check(sequence, this.#scheduler);
    this.#scheduler.addRequest(sequence);
    const { timeline = this.#observed.timeline, deadlineMs, signal } = request;
    const live = new LiveRequest(sequence, new Detokenizer(this.#tokenizer, sequence.params), {
      timeline,
      ...(deadlineMs !== undefined && { deadline: arrival + deadlineMs }),
    });
    this.#live.set(requestId, live);
    if (deadlineMs !== undefined) this.#timed.add(live);
    if (signal !== undefined) live.listen(signal, () => this.#abort(live));
    return live;
  }

  /** Adds all or none. */
  #addAll(requests: readonly GenerationRequest[], prefixGroup?: string): LiveRequest[] {
    const added: LiveRequest[] = [];
    try {
      for (const request of requests) added.push(this.#add(request, prefixGroup));
    } catch (error) {
      for (const live of added) this.#abort(live);
      throw error;
    }
    return added;
  }

  #addChoices(request: GenerationRequest, n: number): LiveRequest[] {
    const choices = choicesOf(request, this.#createSequence(request), n);
    return this.#addAll(choices, this.#sharesPrefixes ? undefined : `choices ${this.#numForked++}`);
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
      this.#expire();
      const step = this.#submitStep();
      const numLeft = this.#overlap && step ? 1 : 0;
      const [due] = this.#inFlight;
      if (due !== undefined && this.#inFlight.length > numLeft) {
        const outcome = await due.outcome;
        this.#inFlight.shift();
        this.#apply(due, outcome);
      }
    } catch (error) {
      // No step to blame: everybody hears of it, so that nobody waits for a loop that has ended.
      for (const live of this.#live.values()) this.#stop(live, 'error', messageOf(error));
      throw error;
    }
    return this.hasUnfinished;
  }

  /** Aborts requests whose deadline has passed. */
  #expire(): void {
    if (this.#timed.size === 0) return;
    const now = this.#clock.now();
    for (const live of this.#timed) {
      if (live.deadline <= now) this.#stop(live, 'abort', `deadline passed ${Math.ceil(now - live.deadline)} ms ago`);
    }
  }

  /** Schedules the next step and submits it. False when there is nothing to run. */
  #submitStep(): boolean {
    const output = this.#scheduler.schedule(this.#log.targetTokens);
    const { rows, preempted } = output;
    for (const { requestId } of preempted) this.#live.get(requestId)?.preempt(this.#log.nextIndex);
    if (rows.length === 0) {
      this.#log.addPreempted(preempted);
      return false;
    }
    const description = this.#log.describe(output, this.#clock.now(), this.#scheduler.numWaiting);
    const timing = this.#observed.timeKernels ? { timed: 'kernels' as const } : {};
    this.#inFlight.push({ rows, description, outcome: runStep(this.#runner, this.#clock, rows, timing) });
    return true;
  }

  #apply({ rows, description }: Step, outcome: StepOutcome): void {
    const { time, error } = outcome;
    const record = this.#log.finish(description, time, error === null ? outcome.result.times : undefined);
    for (const [index, row] of record.rows.entries()) {
      const live = this.#live.get(row.requestId);
      // A newer request may have the id of one that was aborted.
      if (live?.sequence === rows[index]?.sequence) live?.addStep(record, row);
    }
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
    if (live === undefined) return;
    this.#live.delete(requestId);
    this.#timed.delete(live);
    const response = live.end(end);
    this.#observed.onFinish?.(response);
  }
}
