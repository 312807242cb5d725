// The way of requests into an engine, apart from its loop of steps: everything of a request is checked here.
import type { Clock } from '../core/clock.ts';
import type { Runner } from '../core/runner.ts';
import type { Sequence } from '../core/sequence.ts';
import type { Scheduler } from '../scheduler/scheduler.ts';
import { Detokenizer } from '../tokenizer/detokenizer.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { RangeValueError } from '../util/errors.ts';
import { choicesOf } from './choices.ts';
import { createSequence } from './create-sequence.ts';
import { uniteEosIds } from './eos-ids.ts';
import { EngineClosedError, RunnerFailedError } from './errors.ts';
import { LiveRequest } from './live-request.ts';
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
    const { live, tokenizer, scheduler } = this.#options;
    const sequence = this.#createSequence(request, now, prefixGroup);
    live.checkIsNew(sequence.requestId);
    const { isWholeText, timeline = this.#options.timeline, deadlineMs = Number.POSITIVE_INFINITY, signal } = request;
    const deadline = sequence.arrival + deadlineMs;
    const detokenizer = new Detokenizer(tokenizer, sequence.params, isWholeText);
    const text = resumedText(sequence.ids, detokenizer);
    const added = new LiveRequest(sequence, detokenizer, { timeline, deadline, text });
    this.#gate.check(sequence, scheduler);
    scheduler.addRequest(sequence);
    live.add(added);
    if (signal !== undefined) added.listen(signal, (reason) => live.abort(added, reason));
    return added;
  }

  /**
   * Adds all, which arrive together, or none.
   *
   * @throws what `Engine.addRequest` throws, and RangeValueError unless `requests` is a list.
   */
  addAll(requests: readonly GenerationRequest[], now = this.#options.clock.now(), prefixGroup?: string): LiveRequest[] {
    if (!Array.isArray(requests)) throw new RangeValueError('requests', requests, 'a list of requests');
    const added: LiveRequest[] = [];
    try {
      for (const request of requests) added.push(this.add(request, now, prefixGroup));
    } catch (error) {
      for (const each of added) this.#options.live.abort(each);
      throw error;
    }
    return added;
  }

  /** @throws what `Engine.addChoices` throws. */
  addChoices(request: GenerationRequest, n: number): LiveRequest[] {
    const now = this.#options.clock.now();
    const choices = choicesOf(request, this.#createSequence(request, now), n);
    return this.addAll(choices, now, this.#options.sharesPrefixes ? undefined : `choices ${this.#numForked++}`);
  }

  /** Takes no more requests. */
  close(): void {
    this.#isClosed = true;
  }

  #createSequence(request: GenerationRequest, now: number, prefixGroup?: string): Sequence {
    if (this.#isClosed) throw new EngineClosedError();
    const { runner, tokenizer, sharesPrefixes } = this.#options;
    const { failure, limits } = runner;
    if (failure) throw new RunnerFailedError(failure);
    return createSequence(request, { tokenizer, eosIds: this.#eosIds, limits, now, sharesPrefixes, prefixGroup });
  }
}
