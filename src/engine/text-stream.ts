// A stream is a second reader of a live request: the pieces are kept there, so any number of them could read at any pace.
import { type Checks, count } from '../util/option-checks.ts';
import { RequestFailedError } from './errors.ts';
import type { LiveRequest } from './live-request.ts';
import type { FinishedRequest, TextPiece } from './request.ts';

/** Options of a stream. */
export interface StreamOptions {
  /**
   * Most pieces that the reader may leave unread: with one more the request is aborted, with a SlowReaderError as its reason, so that no
   * place in the batch is taken for a reader that has stopped. Those that there are can be read. Default: any number.
   */
  readonly maxUnreadPieces?: number | undefined;
}

/** A check for each option of a stream. */
export const STREAM_OPTIONS: Checks<StreamOptions> = { maxUnreadPieces: count };

/**
 * The pieces of one request as its ids arrive, those after the ones that it resumes with, then its end. A slow reader delays no other request.
 *
 * All pieces of a step are there before any reader goes on, and every reader that waits goes on before the next turn of the event loop: what
 * readers write in `process.nextTick` after their pieces has those of all streams.
 *
 * No generator function: returning from one before its first `next` would run none of its code and let the request go
 * on, and returning while a `next` waits would take effect only with the next id.
 */
export class TextStream implements AsyncGenerator<TextPiece, FinishedRequest, void> {
  readonly #request: LiveRequest;
  readonly #abort: () => void;
  #numRead = 0;

  /**
   * @internal
   * @param abort Ends the request; does nothing when it has ended.
   */
  constructor(request: LiveRequest, abort: () => void) {
    this.#request = request;
    this.#abort = abort;
  }

  /** Id of the request, given or drawn. */
  get requestId(): string {
    return this.#request.sequence.requestId;
  }

  /** Text of the ids that the request resumes with, which comes before the first piece; empty where it starts. */
  get resumedText(): string {
    return this.#request.resumedText;
  }

  /** The finished request, whether the stream is read or not; never rejects. */
  get finished(): Promise<FinishedRequest> {
    return this.#request.finished;
  }

  /** Log-probabilities of the prompt, there before the first piece; null unless the request asked for them. Never rejects. */
  get promptLogprobs(): Promise<FinishedRequest['promptLogprobs']> {
    return this.#request.promptLogprobs();
  }

  /** @throws RequestFailedError after the last piece of a request that ended with `error`. */
  async next(): Promise<IteratorResult<TextPiece, FinishedRequest>> {
    const piece = await this.#request.piece(this.#numRead++);
    if (piece !== null) return { done: false, value: piece };
    const value = await this.#request.finished;
    if (value.finishReason === 'error') throw new RequestFailedError(value.requestId, value.error ?? 'unknown');
    return { done: true, value };
  }

  /** Leaves the stream, and aborts the request if it has not ended. */
  async return(): Promise<IteratorReturnResult<FinishedRequest>> {
    this.#numRead = Number.POSITIVE_INFINITY;
    this.#abort();
    return { done: true, value: await this.#request.finished };
  }

  /** Leaves the stream as `return` does, and rejects with `error`. */
  async throw(error: unknown): Promise<IteratorReturnResult<FinishedRequest>> {
    await this.return();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
