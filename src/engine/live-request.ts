// A request from its arrival to its end: ids become text and pieces, stamped as they reach the host.
import type { TokenLogprobs } from '../core/runner.ts';
import type { FinishReason, Sequence } from '../core/sequence.ts';
import type { Detokenizer } from '../tokenizer/detokenizer.ts';
import { unitVector } from '../util/unit-vector.ts';
import { SlowReaderError } from './errors.ts';
import type { StepRecord, StepRecordRow } from './observe/step-record.ts';
import { Timeline } from './observe/timeline.ts';
import { requestTimings } from './observe/timings.ts';
import type { FinishedRequest, RequestHandle, TextPiece } from './request.ts';

/** How and when a request ended; `error` is the message of its fault, if there was one. */
export interface RequestEnd {
  readonly finishReason: FinishReason;
  /** Milliseconds of the engine's clock. */
  readonly time: number;
  readonly error: string | null;
  /** Reason of the signal that aborted it; null, as when left out, for any other end. */
  readonly abortReason?: unknown;
}

/** Options of a live request. */
export interface LiveRequestOptions {
  /** Keeps the spans of `FinishedRequest.timeline`; default false. */
  readonly timeline?: boolean | undefined;
  /** Milliseconds of the engine's clock; default never. */
  readonly deadline?: number;
  /** Text of the ids that it resumes with; default none. */
  readonly text?: string;
  /** Scales the embedding to length 1; default false. */
  readonly normalize?: boolean;
}

type TextSource = Pick<Detokenizer, 'push' | 'finish' | 'foundStop'>;

/** State of a request besides its sequence: text, time stamps, and the readers that wait for them. */
export class LiveRequest {
  readonly sequence: Sequence;
  /** Deadline, in milliseconds of the engine's clock. */
  readonly deadline: number;
  /** Text of the ids that it resumes with; empty where it starts. */
  readonly resumedText: string;
  /** Settles when the request ends; never rejects. */
  readonly finished: Promise<FinishedRequest>;
  readonly #finish: (response: FinishedRequest) => void;
  readonly #detokenizer: TextSource;
  /** Null unless the request asked for it. */
  readonly #timeline: Timeline | null;
  /** One per id whose text is known. */
  readonly #pieces: TextPiece[] = [];
  /** One per id of a request that asked for them. */
  readonly #logprobs: TokenLogprobs[] = [];
  /** One per id. */
  readonly #tokenTimes: number[] = [];
  /** Resolves when the next piece arrives. */
  #news: PromiseWithResolvers<void> | null = null;
  #stopListening: (() => void) | null = null;
  /** Null until it is there, and for a request that generates. */
  #embedding: Float32Array | null = null;
  readonly #normalize: boolean;
  /** Pieces that a reader has taken. */
  #numRead = 0;
  /** When its first step was submitted, in milliseconds of the engine's clock. */
  #started: number | null = null;
  /** Most pieces that its reader may leave unread. */
  #maxUnread = Number.POSITIVE_INFINITY;
  #hasEnded = false;

  constructor(sequence: Sequence, detokenizer: TextSource, options: LiveRequestOptions = {}) {
    const { timeline = false, deadline = Number.POSITIVE_INFINITY, text = '', normalize = false } = options;
    const { promise, resolve } = Promise.withResolvers<FinishedRequest>();
    this.sequence = sequence;
    this.deadline = deadline;
    this.finished = promise;
    this.#finish = resolve;
    this.#detokenizer = detokenizer;
    this.resumedText = text;
    this.#normalize = normalize;
    this.#timeline = timeline ? new Timeline(sequence.arrival, sequence.promptIds.length) : null;
  }

  /** Calls `abort` with the signal's reason when it aborts while the request lives; at once when it has aborted before. */
  listen(signal: AbortSignal, abort: (reason: unknown) => void): void {
    const listener = () => abort(signal.reason);
    if (signal.aborted) {
      listener();
      return;
    }
    signal.addEventListener('abort', listener);
    this.#stopListening = () => signal.removeEventListener('abort', listener);
  }

  /**
   * Takes the newest id of the sequence, which reached the host at `time`. The last id brings the rest of the text.
   * Returns whether the text has come to a stop string.
   */
  receive(id: number, time: number, logprobs: TokenLogprobs | null): boolean {
    const { finishReason } = this.sequence;
    this.#tokenTimes.push(time);
    if (logprobs !== null) this.#logprobs.push(logprobs);
    let text = finishReason === 'stop' ? '' : this.#detokenizer.push(id);
    const isStopped = this.#detokenizer.foundStop !== null;
    if (isStopped || finishReason !== null) text += this.#detokenizer.finish();
    this.#pieces.push({ id, text, logprobs });
    this.#tellReaders();
    return isStopped;
  }

  /** Takes the embedding of the prompt, [C]. */
  receiveEmbedding(embedding: Float32Array): void {
    this.#embedding = this.#normalize ? unitVector(embedding) : embedding;
  }

  /** The request as its caller holds it. */
  get handle(): RequestHandle {
    return { requestId: this.sequence.requestId, finished: this.finished };
  }

  /** Bounds the pieces that a reader leaves unread; any number when absent. */
  limitReader(maxUnread = Number.POSITIVE_INFINITY): void {
    this.#maxUnread = maxUnread;
  }

  /** Error of a reader that has left more pieces unread than it may; null where there is none. */
  get overrun(): SlowReaderError | null {
    const numUnread = this.#pieces.length - this.#numRead;
    return numUnread <= this.#maxUnread
      ? null
      : new SlowReaderError(this.sequence.requestId, numUnread, this.#maxUnread);
  }

  /** Records that a step with the request was submitted at `time`. */
  start(time: number): void {
    this.#started ??= time;
  }

  /** Records that the request was in a step. */
  addStep(step: StepRecord, row: StepRecordRow): void {
    this.#timeline?.addStep(step, row);
  }

  /** Records that the request was preempted when step `index` was scheduled. */
  preempt(index: number): void {
    this.#timeline?.preempt(index);
  }

  /** Settles the request, which must not have ended before; returns what it is at its end. */
  end({ finishReason, time, error, abortReason = null }: RequestEnd): FinishedRequest {
    const { requestId, promptIds, ids, params, arrival, stopTokenId } = this.sequence;
    const { prefixHit, numPreemptions, numRecomputedTokens, numResumedIds } = this.sequence;
    this.#stopListening?.();
    this.#hasEnded = true;
    const response: FinishedRequest = {
      requestId,
      promptTokens: promptIds.length,
      resumedTokens: numResumedIds,
      cachedTokens: Math.min(prefixHit?.numTokens ?? 0, promptIds.length),
      cacheMiss: prefixHit?.miss ?? null,
      preemptions: numPreemptions,
      recomputedTokens: numRecomputedTokens,
      ids,
      text: this.resumedText + this.#pieces.map((piece) => piece.text).join(''),
      finishReason,
      stopReason: this.#detokenizer.foundStop ?? stopTokenId,
      error,
      abortReason,
      seed: params.seed,
      logprobs: params.logprobs === null ? null : this.#logprobs,
      promptLogprobs: this.#promptLogprobs,
      embedding: this.#embedding,
      timings: requestTimings(arrival, this.#tokenTimes, time, this.#started),
      timeline: this.#timeline?.finish(time) ?? null,
    };
    this.#finish(response);
    this.#tellReaders();
    return response;
  }

  /** The piece of id `index` after those that it resumes with, once it is there; null when the request ends without it. */
  async piece(index: number): Promise<TextPiece | null> {
    await this.#arrival(index);
    this.#numRead = Math.max(this.#numRead, Math.min(index + 1, this.#pieces.length));
    return this.#pieces[index] ?? null;
  }

  /** Log-probabilities of the prompt once they are all there, or as far as they are when the request ends; null unless it asked. */
  async promptLogprobs(): Promise<FinishedRequest['promptLogprobs']> {
    // They come with the step that samples the first id, or before it.
    await this.#arrival(0);
    return this.#promptLogprobs;
  }

  get #promptLogprobs(): FinishedRequest['promptLogprobs'] {
    const { promptLogprobs, promptScores } = this.sequence;
    return promptLogprobs === null ? null : [null, ...promptScores];
  }

  /** Resolves when a piece is there or the request has ended. */
  async #arrival(index: number): Promise<void> {
    while (index >= this.#pieces.length && !this.#hasEnded) {
      this.#news ??= Promise.withResolvers<void>();
      await this.#news.promise;
    }
  }

  #tellReaders(): void {
    this.#news?.resolve();
    this.#news = null;
  }
}
