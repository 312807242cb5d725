import { deriveSeed, type SamplingOptions, type SamplingParams } from '../../src/core/sampling-params.ts';
import type { GenerationRequest } from '../../src/engine/request.ts';
import type { BenchArgs } from './args.ts';
import { builtInPrompts } from './prompts.ts';
import type { Arrival } from './workload.ts';

/** The flags that say what the prompts are. */
export type PromptArgs = Pick<BenchArgs, 'prompt' | 'prompts' | 'num-requests'>;

/** A request that leaves nothing that the benchmark has a flag for to a default. */
export interface BenchRequest extends GenerationRequest {
  readonly requestId: string;
  readonly sampling: BenchSampling;
}

export type BenchSampling = SamplingOptions & Pick<SamplingParams, 'maxTokens' | 'seed'>;

/** One with a text for its prompt. */
export interface TextRequest extends BenchRequest {
  readonly prompt: string;
}

/** One that arrives `due` milliseconds after the start. */
export interface TimedRequest extends BenchRequest {
  readonly due: number;
}

/** The requests of a run. Request i has the id i and its own seed, so that a repeated prompt has many completions. */
export function buildRequests(args: BenchArgs): TextRequest[] {
  return buildPrompts(args).map((prompt, index) => ({
    requestId: String(index),
    prompt,
    sampling: buildSampling(args, index),
  }));
}

/** The requests of an open loop, ids and seeds as above; one whose length is given goes on past its eos. */
export function timeRequests(args: BenchArgs, arrivals: readonly Arrival[]): TimedRequest[] {
  return arrivals.map(({ outputLength, ...arrival }, index) => {
    const sampling = buildSampling(args, index);
    const length = outputLength === undefined ? {} : { maxTokens: outputLength, ignoreEos: true };
    return { ...arrival, requestId: String(index), sampling: { ...sampling, ...length } };
  });
}

/** How request `index` is sampled. */
function buildSampling(args: BenchArgs, index: number): BenchSampling {
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

/** The prompts that the flags name, or the built-in ones. */
export function buildPrompts({ prompt, prompts, 'num-requests': numRequests }: PromptArgs): readonly string[] {
  if (prompts !== undefined) return prompts;
  const source = prompt === undefined ? builtInPrompts : [prompt];
  return Array.from({ length: numRequests }, (_, index) => source[index % source.length]!);
}

/** Lengths of warm-up completions. */
const WARMUP_LENGTHS = [2, 3, 4, 5, 6, 7, 8, 9] as const;

/**
 * The requests cut short, each to another length: a batch of them is prefilled, decoded whole and then shrinks row by
 * row, so the steps of every batch size have run once.
 */
export function buildWarmup(requests: readonly BenchRequest[]): BenchRequest[] {
  return requests.map((request, index) => {
    const length = WARMUP_LENGTHS[index % WARMUP_LENGTHS.length]!;
    return { ...request, sampling: { ...request.sampling, maxTokens: Math.min(length, request.sampling.maxTokens) } };
  });
}
