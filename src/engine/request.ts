import type { TokenLogprobs } from '../core/runner.ts';
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
  /** Generated ids, up to the eos, the stop id or the token that completed a stop string, and with it. */
  readonly ids: readonly number[];
  /** The ids as text, without what ended them; what an aborted request has streamed so far. */
  readonly text: string;
  readonly finishReason: FinishReason;
  /** The stop id or stop string that ended the request; null when something else did, be it the eos. */
  readonly stopReason: number | string | null;
  /** What went wrong, when `finishReason` is `error`. */
  readonly error: string | null;
  /** Given or drawn: with it the same request gives the same ids. */
  readonly seed: number;
  /** One per id, or null when the request did not ask. */
  readonly logprobs: readonly TokenLogprobs[] | null;
  readonly timings: RequestTimings;
}

/** What one id adds to the text: nothing where the id is special, or a character or what may become a stop string is not complete yet. */
export interface TextPiece {
  readonly id: number;
  readonly text: string;
}
