// The way of requests into an engine, apart from its loop of steps: everything of a request is checked here.
import type { Clock } from '../core/clock.ts';
import type { Runner } from '../core/runner.ts';
import type { Sequence } from '../core/sequence.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { Detokenizer } from '../tokenizer/detokenizer.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { RangeValueError } from '../util/errors.ts';
import { choicesOf } from './choices.ts';
import { createSequence, type RequestContext } from './create-sequence.ts';
import { type EmbeddingRequest, embeddingSequence } from './embedding.ts';
import { uniteEosIds } from './eos-ids.ts';
import { EngineClosedError, RunnerFailedError } from './errors.ts';
import { LiveRequest, type LiveRequestOptions } from './live-request.ts';
import type { LiveRequests } from './live-requests.ts';
import { type QueueBounds, QueueGate } from './queue-gate.ts';
import type { GenerationRequest } from './request.ts';
import { resumedText } from './resume.ts';

/** Parts of an engine that its intake works with. */
export interface IntakeOptions {
  readonly runner: Runner;
  readonly tokenizer: Tokenizer;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  /** Takes those that are accepted. */
  readonly live: LiveRequests;
  readonly bounds: QueueBounds;
  readonly sharesPrefixes: boolean;
  /** Default for requests that don't set `timeline`. */
  readonly timeline: boolean | undefined;
}

/** The way of requests into an engine: each is checked whole, and then is queued and live, or leaves no trace. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #gate: QueueGate;
  readonly #eosIds: readonly number[];
  #isClosed = false;
  #numForked = 0;

  /** @throws RangeValueError for eos ids that make no sense. */
  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#gate = new QueueGate(options.bounds);
    this.#eosIds = uniteEosIds(options.runner, options.tokenizer);
  }

  /** @throws what `Engine.addRequest` throws. */
  add(request: GenerationRequest, now = this.#options.clock.now(), prefixGroup?: string): LiveRequest {
    const sequence = createSequence(request, this.#context(now, prefixGroup));
    const detokenizer = new Detokenizer(this.#options.tokenizer, sequence.params, request.isWholeText);
    return this.#queue(request, sequence, detokenizer, { text: resumedText(sequence.ids, detokenizer) });
  }

  /**
   * Adds all, which arrive together, or none.
   *
   * @throws what `Engine.addRequest` throws, and RangeValueError unless `requests` is a list.
   */
  addAll(requests: readonly GenerationRequest[], now = this.#options.clock.now(), prefixGroup?: string): LiveRequest[] {
    return this.#addEach(requests, (request) => this.add(request, now, prefixGroup));
  }

  /** @throws what `Engine.addEmbedding` throws. */
  addEmbedding(request: EmbeddingRequest, now = this.#options.clock.now()): LiveRequest {
    const sequence = embeddingSequence(request, this.#context(now));
    const detokenizer = new Detokenizer(this.#options.tokenizer, sequence.params);
    return this.#queue(request, sequence, detokenizer, { normalize: request.normalize ?? false });
  }

  /** Adds all, which arrive together, or none. @throws what `Engine.embedBatch` throws. */
  addEmbeddings(requests: readonly EmbeddingRequest[]): LiveRequest[] {
    const now = this.#options.clock.now();
    return this.#addEach(requests, (request) => this.addEmbedding(request, now));
  }

  /** @throws what `Engine.addChoices` throws. */
  addChoices(request: GenerationRequest, n: number): LiveRequest[] {
    const now = this.#options.clock.now();
    const choices = choicesOf(request, createSequence(request, this.#context(now)), n);
    return this.addAll(choices, now, this.#options.sharesPrefixes ? undefined : `choices ${this.#numForked++}`);
  }

  /** Takes no more requests. */
  close(): void {
    this.#isClosed = true;
  }

  /** Adds all or none. @throws RangeValueError unless `requests` is a list; what `add` throws. */
  #addEach<Request>(requests: readonly Request[], add: (request: Request) => LiveRequest): LiveRequest[] {
    if (!Array.isArray(requests)) throw new RangeValueError('requests', requests, 'a list of requests');
    const added: LiveRequest[] = [];
    try {
      for (const request of requests) added.push(add(request));
    } catch (error) {
      for (const each of added) this.#options.live.abort(each);
      throw error;
    }
    return added;
  }

  /** Queues a request whose sequence is made. @throws QueueFullError, RequestTooLargeError; RangeValueError for an id that is taken. */
  #queue(
    { timeline = this.#options.timeline, deadlineMs = Number.POSITIVE_INFINITY, signal }: EmbeddingRequest,
    sequence: Sequence,
    detokenizer: Detokenizer,
    options: LiveRequestOptions,
  ): LiveRequest {
    const { live, scheduler } = this.#options;
    live.checkIsNew(sequence.requestId);
    const deadline = sequence.arrival + deadlineMs;
    const added = new LiveRequest(sequence, detokenizer, { ...options, timeline, deadline });
    this.#gate.check(sequence, scheduler);
    scheduler.addRequest(sequence);
    live.add(added);
    if (signal !== undefined) added.listen(signal, (reason) => live.abort(added, reason));
    return added;
  }

  /** Parts that a request is checked against. @throws EngineClosedError; RunnerFailedError. */
  #context(now: number, prefixGroup?: string): RequestContext {
    if (this.#isClosed) throw new EngineClosedError();
    const { runner, tokenizer, sharesPrefixes } = this.#options;
    const { failure, limits } = runner;
    if (failure) throw new RunnerFailedError(failure);
    return { tokenizer, eosIds: this.#eosIds, limits, now, sharesPrefixes, prefixGroup };
  }
}
