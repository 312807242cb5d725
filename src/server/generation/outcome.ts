// The end of a choice as callers read it, and the usage of a call: both from the engine's own record.
import type { Runner } from '../../core/runner.ts';
import { RequestFailedError } from '../../engine/errors.ts';
import type { FinishedRequest } from '../../engine/request.ts';
import { deadlinePassed, deviceFailed, generationFailed, shuttingDown } from '../engine-errors.ts';
import type { ServerOptions } from '../server-options.ts';
import type { Choice, Generation } from './generation.ts';

/** Circumstances that tell ends apart. */
export interface EndContext {
  /** True while the server ends what is left. */
  readonly isStopping: boolean;
  readonly options: Pick<ServerOptions, 'requestTimeout'>;
  readonly model: { readonly runner: Pick<Runner, 'failure'> };
}

/** Reason of an end that is an answer: `abort` for a call that was ended on purpose. */
export type ApiFinishReason = 'stop' | 'length' | 'abort';

/**
 * Names the reason why a choice ended.
 *
 * @throws ApiError for a fault, a deadline that passed, and a server that ends.
 */
export function finishReasonOf(finished: FinishedRequest, context: EndContext): ApiFinishReason {
  const { finishReason, error, requestId } = finished;
  if (finishReason === 'error') {
    const { failure } = context.model.runner;
    throw failure ? deviceFailed(failure) : generationFailed(new RequestFailedError(requestId, error ?? 'unknown'));
  }
  if (finishReason !== 'abort') return finishReason;
  if (error !== null) throw deadlinePassed(context.options.requestTimeout ?? 0);
  if (context.isStopping) throw shuttingDown();
  return 'abort';
}

/** The field of a timeline, where it was asked for, in milliseconds after the arrival: the engine's clock means nothing to a caller. */
export function timelineField({ prompt }: Choice, { timeline, timings: { arrival } }: FinishedRequest) {
  if (!prompt.timeline) return {};
  const spans = timeline ?? [];
  return {
    timeline: spans.map(({ start, end, ...span }) => ({ ...span, start: start - arrival, end: end - arrival })),
  };
}

/** Tokens of a call. */
export interface Tokens {
  readonly prompt: number;
  readonly completion: number;
  /** Tokens of the prompts that were taken from the prefix cache. */
  readonly cached: number;
}

/** Counts the tokens of a call that has ended. A prompt counts once, however many choices it has. */
export function tokensOf({ choices }: Generation, finished: readonly FinishedRequest[]): Tokens {
  const firsts = choices.filter(isFirst);
  return {
    prompt: sum(firsts.map(({ promptTokens }) => promptTokens)),
    completion: sum(finished.map(({ ids }) => ids.length)),
    cached: sum(firsts.map(({ index }) => finished[index]?.cachedTokens ?? 0)),
  };
}

/** Counts the tokens of a call that is under way; what came from the prefix cache is known at the end. */
export function tokensSoFar(choices: readonly Choice[], completion: number): Tokens {
  const firsts = choices.filter(isFirst);
  return { prompt: sum(firsts.map(({ promptTokens }) => promptTokens)), completion, cached: 0 };
}

/** Writes usage as completions and chats have it. */
export function usageOf({ prompt, completion, cached }: Tokens) {
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
  };
}

/** Tells whether a choice is the first of its prompt. */
export function isFirst({ index, firstIndex }: Choice): boolean {
  return index === firstIndex;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
