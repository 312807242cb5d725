// Requests of a run, made from its flags: every one has an id and a seed of its own.
import { deriveSeed, type SamplingOptions, type SamplingParams } from '../../src/core/sampling-params.ts';
import type { GenerationRequest } from '../../src/engine/request.ts';
import { builtInPrompts } from './prompts.ts';
import type { RequestArgs } from './request-flags.ts';
import type { Arrival } from './workload.ts';

/** Flags of the prompts. */
export type PromptArgs = Pick<RequestArgs, 'prompt' | 'prompts' | 'num-requests'>;

/** Request in which every parameter with a flag is set, to the default of the flag if not given. */
export interface BenchRequest extends GenerationRequest {
  readonly requestId: string;
  readonly sampling: BenchSampling;
}

/** Sampling of such a request. */
export type BenchSampling = SamplingOptions & Pick<SamplingParams, 'maxTokens' | 'seed'>;

/** Request whose prompt is a text. */
export interface TextRequest extends BenchRequest {
  readonly prompt: string;
}

/** Request that arrives `due` milliseconds after the start. */
export interface TimedRequest extends BenchRequest {
  readonly due: number;
}

/** Makes the requests of a closed loop; each has a seed of its own, so that a repeated prompt has many completions. */
export function buildRequests(args: RequestArgs): TextRequest[] {
  return buildPrompts(args).map((prompt, index) => ({
    requestId: String(index),
    prompt,
    sampling: buildSampling(args, index),
  }));
}

/** Makes the requests of an open loop, with ids and seeds as above; one whose length is given ignores its eos. */
export function timeRequests(args: RequestArgs, arrivals: readonly Arrival[]): TimedRequest[] {
  return arrivals.map(({ outputLength, ...arrival }, index) => {
    const sampling = buildSampling(args, index);
    const length = outputLength === undefined ? {} : { maxTokens: outputLength, ignoreEos: true };
    return { ...arrival, requestId: String(index), sampling: { ...sampling, ...length } };
  });
}

/** Strips the arrivals of requests. */
export function withoutDue(requests: readonly TimedRequest[]): BenchRequest[] {
  return requests.map(({ due: _, ...request }) => request);
}

/** Makes the sampling of request `index`. */
function buildSampling(args: RequestArgs, index: number): BenchSampling {
  return {
    maxTokens: args['max-new-tokens'],
    temperature: args['do-sample'] ? args.temperature : 0,
    topK: args['top-k'],
    topP: args['top-p'],
    minP: args['min-p'],
    seed: deriveSeed(args.seed, index),
    ignoreEos: args['ignore-eos'] ?? false,
  };
}

/** Lists the prompts of the flags, or built-in ones, which take turns. */
export function buildPrompts({ prompt, prompts, 'num-requests': numRequests }: PromptArgs): readonly string[] {
  if (prompts !== undefined) return prompts;
  const source = prompt === undefined ? builtInPrompts : [prompt];
  return Array.from({ length: numRequests }, (_, index) => source[index % source.length]!);
}

/** Tokens of warm-up completions. */
const WARMUP_LENGTHS = [2, 3, 4, 5, 6, 7, 8, 9] as const;

/**
 * Cuts requests short, each to another length: a batch of them is prefilled, decoded whole and then shrinks row by row,
 * so that steps of every batch size have run once.
 */
export function buildWarmup(requests: readonly BenchRequest[]): BenchRequest[] {
  return requests.map((request, index) => {
    const length = WARMUP_LENGTHS[index % WARMUP_LENGTHS.length]!;
    return { ...request, sampling: { ...request.sampling, maxTokens: Math.min(length, request.sampling.maxTokens) } };
  });
}
