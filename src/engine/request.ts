// A request and its result, as callers see them.
import type { Constraint } from '../core/constraint.ts';
import type { TokenLogprobs } from '../core/runner.ts';
import type { SamplingOptions } from '../core/sampling-params.ts';
import type { FinishReason, PrefixMiss } from '../core/sequence.ts';
import type { TimelineSpan } from './observe/timeline.ts';
import type { RequestTimings } from './observe/timings.ts';

/** A prompt, as text or as token ids, and how to continue it. */
export interface GenerationRequest {
  /** Empty text stands for the eos token, the first where there are several. */
  readonly prompt?: string | undefined;
  readonly promptIds?: readonly number[] | undefined;
  /** Drawn when missing; no other live request may have it. */
  readonly requestId?: string | undefined;
  readonly sampling?: SamplingOptions | undefined;
  /** Rule for the ids that it may generate; by default any. */
  readonly constraint?: Constraint | undefined;
  /** The lower, the more urgent, from -100 to 100; 0. Used by the queue policy `priority`. */
  readonly priority?: number | undefined;
  /** Milliseconds after its arrival at which the request is aborted, if it has not ended. */
  readonly deadlineMs?: number | undefined;
  /** When it arrived, in milliseconds of the engine's clock; by default now. */
  readonly arrival?: number | undefined;
  /**
   * Encodes prompt text that spells a special token as that token, as Hugging Face does; default true. With false it
   * stays plain text, as a prompt from an untrusted source should.
   */
  readonly parseSpecial?: boolean | undefined;
  /**
   * The completion is a text by itself, such as an answer in a chat: a space that the tokenizer puts before each text is left out.
   * Default false: it continues the prompt.
   */
  readonly isWholeText?: boolean | undefined;
  /**
   * Reports the log-probability of every prompt id, and of this number of the most likely ids in its place, from 0 to 20. All tokens of
   * the prompt are computed for it, so that none is taken from the prefix cache; `sampling.maxTokens` may be 0, and the prompt may
   * fill the context then. Of several choices, the first alone reports them.
   */
  readonly promptLogprobs?: number | null | undefined;
  /**
   * Goes on where a request like this one was cut, here or elsewhere: after ids that it generated. `sampling.seed` must be that of the
   * cut request, and everything else the same; then ids, text and end are those of one that was never cut. Streams give what comes
   * after; the response has all.
   */
  readonly resume?: ResumePoint | undefined;
  /** Prefixes are shared only among requests with the same salt. */
  readonly cacheSalt?: string | undefined;
  /** Records where the request's time went; by default as the engine's option says. */
  readonly timeline?: boolean | undefined;
  /** Aborts the request; its `reason` becomes `abortReason`. */
  readonly signal?: AbortSignal | undefined;
}

/** Place at which a request was cut. */
export interface ResumePoint {
  /** All ids that it generated until then, fewer than `maxTokens` and none that ends it. */
  readonly ids: readonly number[];
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
  /** Tokens of `ids` that the request resumed with: log-probabilities and times are of those after them. */
  readonly resumedTokens: number;
  /** Tokens of the prompt whose keys and values were taken from the prefix cache. */
  readonly cachedTokens: number;
  /** Reason why there were no more; null for a request that never started. */
  readonly cacheMiss: PrefixMiss | null;
  /** Number of preemptions: for a request before it in the queue, or because another request's step failed. */
  readonly preemptions: number;
  /** Tokens computed again after preemptions. */
  readonly recomputedTokens: number;
  /** Generated ids, those of `resume` first, up to the eos, the stop id or the token that completed a stop string, and with it. */
  readonly ids: readonly number[];
  /** The ids as text, without what ended them; what an aborted request has streamed so far. */
  readonly text: string;
  readonly finishReason: FinishReason;
  /** The stop id or stop string that ended the request; null if it ended for any other reason, eos included. */
  readonly stopReason: number | string | null;
  /** Message of the fault if `finishReason` is `error`; the deadline that passed if that aborted it. */
  readonly error: string | null;
  /** The `reason` of the signal that aborted the request; null if it ended for any other reason. */
  readonly abortReason: unknown;
  /** Given or drawn: with it the same request gives the same ids. */
  readonly seed: number;
  /** One per id after those of `resume`; null unless the request asked for them. */
  readonly logprobs: readonly TokenLogprobs[] | null;
  /** One per prompt id, null for the first, which nothing precedes; of a request that was cut, those that were computed. Null unless asked for. */
  readonly promptLogprobs: readonly (TokenLogprobs | null)[] | null;
  /** [C] of an embedding request that has come to its end; null for any other. */
  readonly embedding: Float32Array | null;
  readonly timings: RequestTimings;
  /** From arrival to end without a gap; null unless the request asked for it. */
  readonly timeline: readonly TimelineSpan[] | null;
}

/** One id and the text that it adds: none where the id is special, or a character or a possible stop string is not complete yet. */
export interface TextPiece {
  readonly id: number;
  readonly text: string;
  /** Log-probabilities of the id and of the most likely ones in its place; null unless the request asked for them. */
  readonly logprobs: TokenLogprobs | null;
}
