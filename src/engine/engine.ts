// The engine: one loop of steps that all callers share. Requests come in by the intake, end in the list of live requests,
// and are never the concern of the step loop one by one.
import { systemClock } from '../core/clock.ts';
import type { Runner } from '../core/runner.ts';
import { createScheduler } from '../scheduler/create-scheduler.ts';
import type { Scheduler, SchedulerStats } from '../scheduler/scheduler.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { messageOf } from '../util/message-of.ts';
import { checkOptions } from '../util/option-checks.ts';
import { type ChatFormat, type ChatReply, type ChatRequest, type ChatStream, chatRequest, replyOf } from './chat.ts';
import { type Embedding, type EmbeddingRequest, embeddingOf } from './embedding.ts';
import { checkEngineOptions, type EngineOptions } from './engine-options.ts';
import { UnknownRequestError } from './errors.ts';
import { Intake } from './intake.ts';
import { LiveRequests } from './live-requests.ts';
import { Observers } from './observe/observers.ts';
import type { FinishedRequest, GenerationRequest, RequestHandle } from './request.ts';
import { RunnerLease } from './runner-lease.ts';
import { SteadyClock } from './steady-clock.ts';
import { StepLoop } from './step-loop.ts';
import { StepsInFlight } from './steps-in-flight.ts';
import { STREAM_OPTIONS, type StreamOptions, TextStream } from './text-stream.ts';

/**
 * Generates text: requests in, finished requests or streams out.
 *
 * All callers share one loop of steps, so their requests are batched. A fault inside a step ends the requests in it and
 * no others; a runner that can run no more steps ends all of them.
 *
 * @example Two requests that share their steps
 * ```ts
 * import { Engine, loadModel } from 'roseinfer';
 *
 * await using model = await loadModel();
 * await using engine = new Engine({ runner: model.runner, tokenizer: model.tokenizer, scheduler: 'online' });
 * const prompts = ['Once upon a time', 'The old king'];
 * const requests = prompts.map((prompt) => ({ prompt, sampling: { maxTokens: 12, seed: 1 } }));
 * for (const { text, finishReason } of await engine.generateBatch(requests)) console.log(finishReason, text);
 * ```
 */
export class Engine {
  readonly #runner: Runner;
  readonly #lease: RunnerLease;
  readonly #scheduler: Scheduler;
  readonly #chat: ChatFormat | undefined;
  readonly #intake: Intake;
  readonly #live: LiveRequests;
  readonly #steps: StepsInFlight;
  readonly #loop = new StepLoop(this);
  /** The turn under way, for others to join. */
  #turn: Promise<boolean> | null = null;

  /**
   * @throws RangeValueError for an option that is unknown, of another type or out of range, or limits of the runner that
   * make no sense.
   * @throws RunnerInUseError while another engine that is not closed has the runner.
   */
  constructor(options: EngineOptions) {
    checkEngineOptions(options);
    const {
      runner,
      tokenizer = Tokenizer.idsOnly(runner.limits.vocabSize),
      scheduler = 'online',
      queuePolicy = 'fcfs',
      clock = systemClock,
      overlap = true,
    } = options;
    const { prefixCache = true, maxStepMs, observers: watchers = [], timeline, timeKernels = false } = options;
    this.#runner = runner;
    this.#chat = options.chat;
    this.#scheduler = createScheduler(scheduler, runner.limits, queuePolicy);
    const parts = {
      runner,
      scheduler: this.#scheduler,
      clock: new SteadyClock(clock),
      observers: new Observers(watchers),
    };
    this.#live = new LiveRequests({ ...parts, kind: clock });
    this.#intake = new Intake({
      ...parts,
      tokenizer,
      live: this.#live,
      bounds: options,
      sharesPrefixes: prefixCache,
      timeline,
    });
    this.#lease = new RunnerLease(runner);
    const { lease, live } = { lease: this.#lease, live: this.#live };
    this.#steps = new StepsInFlight({ ...parts, lease, live, overlap, maxStepMs, timeKernels });
  }

  /** True while a request has not ended or a step is in flight. */
  get hasUnfinished(): boolean {
    return this.#live.size > 0 || this.#steps.length > 0;
  }

  /** Requests and blocks now, and counts of tokens since the start: for metrics, which ask when they are asked. */
  get stats(): SchedulerStats {
    return this.#scheduler.stats;
  }

  /**
   * Queues a request for the next `step` or `run`; does no GPU work.
   *
   * @throws RangeValueError for a request that is not valid or has the id of one that has not ended.
   * @throws RequestTooLargeError for one that could not run even alone.
   * @throws QueueFullError for one beyond the bounds of the queue.
   * @throws EngineClosedError after `close`.
   * @throws RunnerFailedError when the runner can run no more steps.
   */
  addRequest(request: GenerationRequest): RequestHandle {
    return this.#intake.add(request).handle;
  }

  /**
   * One turn: schedules and submits the next step, then reads this one or, with overlap, one submitted before it. A call
   * while a turn is under way joins it. Returns whether there is more to do.
   */
  step(): Promise<boolean> {
    if (this.#turn !== null) return this.#turn;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#turn = promise;
    resolve(this.#takeTurn());
    return promise;
  }

  /**
   * Steps until nothing is unfinished, requests that arrive meanwhile included. A call while it runs joins the loop. At
   * its end it rejects with the first fault that belongs to no step.
   */
  run(): Promise<void> {
    return this.#loop.run();
  }

  /**
   * Runs a request to its end. It resolves for a request that was aborted or failed, too: see `finishReason`.
   *
   * @throws what `addRequest` throws.
   */
  async generate(request: GenerationRequest): Promise<FinishedRequest> {
    const { finished } = this.#intake.add(request);
    this.#loop.start();
    return finished;
  }

  /**
   * Runs requests to their ends; the responses come in the order of the requests. If one is refused, none runs.
   *
   * @throws what `addRequest` throws, and RangeValueError unless `requests` is a list.
   */
  async generateBatch(requests: readonly GenerationRequest[]): Promise<FinishedRequest[]> {
    const added = this.#intake.addAll(requests);
    this.#loop.start();
    return Promise.all(added.map((live) => live.finished));
  }

  /**
   * Queues `n` completions of one prompt, which is computed once: they share its full blocks. Choice j has the id of the
   * request followed by `-j` and draws with `deriveSeed(seed, j)`. If one is refused, none is queued.
   *
   * @throws RangeValueError unless `n` is an integer in [1, 128]; and what `addRequest` throws.
   */
  addChoices(request: GenerationRequest, n: number): RequestHandle[] {
    return this.#intake.addChoices(request, n).map(({ handle }) => handle);
  }

  /**
   * Runs `n` completions of one prompt to their ends.
   *
   * @throws what `addChoices` throws.
   */
  async generateChoices(request: GenerationRequest, n: number): Promise<FinishedRequest[]> {
    const added = this.#intake.addChoices(request, n);
    this.#loop.start();
    return Promise.all(added.map((live) => live.finished));
  }

  /**
   * Queues a prompt for its embedding, as `addRequest` a request to generate: `finished.embedding` has it.
   *
   * @throws what `addRequest` throws.
   */
  addEmbedding(request: EmbeddingRequest): RequestHandle {
    return this.#intake.addEmbedding(request).handle;
  }

  /**
   * Computes the embedding of a prompt: the mean of its hidden states after the last norm, or the last of them. It shares steps with
   * whatever else runs, and has the same bits alone and among others.
   *
   * @throws what `addRequest` throws; RequestAbortedError for a request that was aborted; RequestFailedError for one with a fault.
   */
  async embed(request: EmbeddingRequest): Promise<Embedding> {
    const { finished } = this.#intake.addEmbedding(request);
    this.#loop.start();
    return embeddingOf(await finished);
  }

  /**
   * Computes the embeddings of prompts, in their order. If one is refused, none runs; where one fails, the call does, once all have
   * ended.
   *
   * @throws what `embed` throws, and RangeValueError unless `requests` is a list.
   */
  async embedBatch(requests: readonly EmbeddingRequest[]): Promise<Embedding[]> {
    const added = this.#intake.addEmbeddings(requests);
    this.#loop.start();
    return (await Promise.all(added.map((live) => live.finished))).map(embeddingOf);
  }

  /**
   * Runs a request and yields a piece per id as it arrives; returns the finished request. Leaving early aborts it. The
   * request is queued by this call, not by the first `next`.
   *
   * @throws what `addRequest` throws; RangeValueError for an option that is unknown or out of range; and RequestFailedError, from
   * `next`, for a request that ends with `error`.
   */
  stream(request: GenerationRequest, options: StreamOptions = {}): TextStream {
    checkOptions('options of stream', options, STREAM_OPTIONS);
    const live = this.#intake.add(request);
    live.limitReader(options.maxUnreadPieces);
    this.#loop.start();
    return new TextStream(live, () => this.#live.abort(live));
  }

  /**
   * Answers a chat. Where the request sets no sampling, it is that which the model's authors advise. To go on, send `message`
   * of the reply back before the next message of the user.
   *
   * @throws NoChatTemplateError for a model without a template; what its template and `addRequest` throw.
   */
  async chat(messages: readonly ChatMessage[], request: ChatRequest = {}): Promise<ChatReply> {
    const { reply } = await this.streamChat(messages, request);
    return await reply;
  }

  /** Answers a chat as `chat` does, and yields the answer as it arrives. @throws what `chat` and `stream` throw. */
  async streamChat(
    messages: readonly ChatMessage[],
    request: ChatRequest = {},
    options: StreamOptions = {},
  ): Promise<ChatStream> {
    const asked = await chatRequest(this.#chat, messages, request);
    const pieces = this.stream(asked, options);
    return { pieces, reply: pieces.finished.then((finished) => replyOf(asked, finished)) };
  }

  /**
   * Ends a request at once and frees its blocks.
   *
   * @throws UnknownRequestError when no unfinished request has this id.
   */
  abort(requestId: string): void {
    const live = this.#live.get(requestId);
    if (live === undefined) throw new UnknownRequestError(requestId);
    this.#live.abort(live);
  }

  /**
   * Aborts what is unfinished at once and takes no more requests; then waits for steps in flight, as long as the runner
   * takes for them, and leaves the runner, which stays open, to the next engine. Idempotent.
   */
  async close(): Promise<void> {
    this.#intake.close();
    this.#live.stopAll('abort', null);
    // Faults reach the caller that runs the loop.
    while (this.hasUnfinished) await this.run().catch(() => {});
    this.#lease[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #takeTurn(): Promise<boolean> {
    try {
      for (const { constraint } of this.#scheduler.upcoming) constraint?.start();
      this.#live.expire();
      this.#endIfRunnerFailed();
      const { numPreemptions } = this.#scheduler;
      const rows = this.#steps.submit();
      // Preemptions have made room for the next step.
      const mayRun = this.#steps.length > 0 || this.#scheduler.numPreemptions > numPreemptions;
      if (rows === null && !mayRun && this.#live.size > 0) await this.#live.change();
      const numLeft = this.#steps.numLeft(rows);
      while (this.#steps.length > numLeft) if (!(await this.#steps.readNext())) this.#endIfRunnerFailed();
    } catch (fault) {
      // A caller that handles the fault may go on with a new turn.
      this.#turn = null;
      // It belongs to no step: what was scheduled may not have been computed.
      this.#live.stopAll('error', messageOf(fault));
      this.#scheduler.fail([]);
      throw fault;
    }
    this.#turn = null;
    return this.hasUnfinished;
  }

  /** Ends all requests when the runner says that no step can run any more. */
  #endIfRunnerFailed(): void {
    const { failure } = this.#runner;
    if (failure && this.#live.size > 0) this.#live.stopAll('error', messageOf(failure));
  }
}
