// The end of an answer as the AI SDK reports it, from the engine's own record.
import type { LanguageModelV4FinishReason, LanguageModelV4Usage } from '@ai-sdk/provider';
import type { TokenLogprob } from '../core/runner.ts';
import type { FinishReason } from '../core/sequence.ts';
import type { FinishedRequest } from '../engine/request.ts';
import { tokenText } from '../tokenizer/token-text.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { OpenModel } from './model-source.ts';

/** Facts of an answer under `providerMetadata.roseinfer`. */
export type RoseinferMetadata = {
  /** Names all that decides which ids a seed gives; null where that is not known. */
  readonly fingerprint: string | null;
  /** Given or drawn: with it the same call gives the same ids. */
  readonly seed: number;
  /** The generated ids, with the one that ended them. */
  readonly ids: readonly number[];
  /** The stop id or stop string that ended it; null for any other end. */
  readonly stopReason: number | string | null;
  /** Milliseconds: in the queue, to the first token, per token after it, to the end; null where there is none. */
  readonly timings: {
    readonly queued: number | null;
    readonly ttft: number | null;
    readonly tpot: number | null;
    readonly e2e: number;
  };
  /**
   * One per id, in nats, with the most likely ids in its place; null unless `logprobs` asked for them. A token that is no whole text is
   * written by its bytes: `bytes:\xe2\x80`.
   */
  readonly logprobs:
    | readonly {
        readonly id: number;
        readonly token: string;
        readonly logprob: number;
        readonly top: readonly { readonly id: number; readonly token: string; readonly logprob: number }[];
      }[]
    | null;
};

const UNIFIED = {
  stop: 'stop',
  length: 'length',
  error: 'error',
  // Another ended it, by the engine: the text is not complete.
  abort: 'interrupted',
} satisfies Record<FinishReason, LanguageModelV4FinishReason['unified']>;

/** Writes the reason of an end. @param hasCalls true where the answer has calls of tools, each of them whole. */
export function finishReasonOf({ finishReason }: FinishedRequest, hasCalls: boolean): LanguageModelV4FinishReason {
  const isCall = finishReason === 'stop' && hasCalls;
  return { unified: isCall ? 'tool-calls' : UNIFIED[finishReason], raw: finishReason };
}

/** Writes the usage of a call. */
export function usageOf({ promptTokens, cachedTokens, ids }: FinishedRequest): LanguageModelV4Usage {
  return {
    inputTokens: {
      total: promptTokens,
      noCache: promptTokens - cachedTokens,
      cacheRead: cachedTokens,
      cacheWrite: undefined,
    },
    // A model that reasons writes it as text.
    outputTokens: { total: ids.length, text: ids.length, reasoning: undefined },
  };
}

/** Writes the facts of an answer. */
export function metadataOf(finished: FinishedRequest, { fingerprint, tokenizer }: OpenModel) {
  const { seed, ids, stopReason, timings, logprobs } = finished;
  const { arrival, started, ttft, tpot, e2e } = timings;
  const record = (each: TokenLogprob) => logprobRecord(tokenizer, each);
  const roseinfer = {
    fingerprint,
    seed,
    ids: [...ids],
    stopReason,
    timings: { queued: started === null ? null : started - arrival, ttft, tpot, e2e },
    logprobs: logprobs === null ? null : logprobs.map((each) => ({ ...record(each), top: each.top.map(record) })),
  } satisfies RoseinferMetadata;
  return { roseinfer };
}

function logprobRecord(tokenizer: Tokenizer, { id, logprob }: TokenLogprob) {
  return { id, token: tokenText(tokenizer, id), logprob };
}
