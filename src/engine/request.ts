import type { SamplingOptions } from '../core/sampling-params.ts';
import type { FinishReason } from '../core/sequence.ts';
import type { RequestTimings } from './timings.ts';

/** What a caller asks for: text or token ids, one of the two. */
export interface GenerationRequest {
  /** Empty text stands for the eos token. */
  readonly prompt?: string | undefined;
  readonly promptIds?: readonly number[] | undefined;
  /** Drawn when missing; no other live request may have it. */
  readonly requestId?: string | undefined;
  readonly sampling?: SamplingOptions | undefined;
  /** Aborts the request. */
  readonly signal?: AbortSignal | undefined;
}

/** A request that was queued. */
export interface RequestHandle {
  readonly requestId: string;
  /** Settles when the request ends, in whatever way; never rejects. */
  readonly finished: Promise<FinishedRequest>;
}

/** A request at its end. */
export interface FinishedRequest {
  readonly requestId: string;
  /** Length of the prompt in tokens. */
  readonly promptTokens: number;
  /** Generated ids, the eos that ended them included. */
  readonly ids: readonly number[];
  /** The ids as text, without the eos; what an aborted request has streamed so far. */
  readonly text: string;
  readonly finishReason: FinishReason;
  /** What went wrong, when `finishReason` is `error`. */
  readonly error: string | null;
  /** Given or drawn: with it the same request gives the same ids. */
  readonly seed: number;
  readonly timings: RequestTimings;
}

/** What one id adds to the text: nothing where the id is special or a character is not complete yet. */
export interface TextPiece {
  readonly id: number;
  readonly text: string;
}
