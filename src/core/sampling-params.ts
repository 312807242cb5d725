// The parameters of one request as the engine uses them, complete and in range. Their defaults, ranges and texts stand in
// sampling-table.ts.
import { hashSeed } from '../util/rng.ts';

/** How the tokens of one request are chosen and where it ends; every value is in its range. */
export interface SamplingParams {
  /** Most ids to generate; 0 only where the log-probabilities of the prompt are asked for. */
  readonly maxTokens: number;
  /** Minimum output length: until then eos and stop ids are masked and stop strings ignored. */
  readonly minTokens: number;
  /** 0 is greedy. */
  readonly temperature: number;
  /** Keep the k most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set of tokens with at least this mass; 1 keeps all. */
  readonly topP: number;
  /** Keep tokens with at least this fraction of the best token's probability; 0 keeps all. */
  readonly minP: number;
  /** Divides the logits above 0 of ids in prompt and output and multiplies the others (Keskar et al. 2019); 1 is off. */
  readonly repetitionPenalty: number;
  /** Subtracted from the logit of every id in the output; 0 is off. */
  readonly presencePenalty: number;
  /** Subtracted from the logit of an id once for each time that the output has it; 0 is off. */
  readonly frequencyPenalty: number;
  /** Added to the logits, by token id. */
  readonly logitBias: Readonly<Record<number, number>>;
  /** Integer in [0, 2^53); the same request with the same seed gives the same ids. */
  readonly seed: number;
  /** The text ends before the first of these, the ids with the token that completes it. */
  readonly stop: readonly string[];
  /** Ids that end the request as the eos does. */
  readonly stopTokenIds: readonly number[];
  /** Generate past the end-of-sequence token. */
  readonly ignoreEos: boolean;
  /** Report the log-probability of every id and of this number of the most likely ones in its place; null reports none. */
  readonly logprobs: number | null;
}

/** Parameters that a caller sets; the others take their defaults. */
export type SamplingOptions = { readonly [K in keyof SamplingParams]?: SamplingParams[K] | undefined };

/** Bounds of a request's parameters. */
export interface SamplingBounds {
  /** Tokens left in the model's context after the prompt. The default of `maxTokens` is clipped to it. */
  readonly room: number;
  /** True where `maxTokens` may be 0; default false. */
  readonly mayScoreOnly?: boolean;
  readonly vocabSize: number;
}

/** Derives the seed of request `index` of a batch that was given one seed, so that a repeated prompt gives different completions. */
export function deriveSeed(seed: number, index: number): number {
  return hashSeed(seed, index);
}
