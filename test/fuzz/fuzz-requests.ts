// Requests of the fuzz tests: a fixed set for each model, so that a solo run is made once and compared with many
// schedules.
import type { SamplingOptions } from '../../src/core/sampling-params.ts';
import { hashSeed } from '../../src/util/rng.ts';
import { RandomAutomaton } from '../support/engine/random-automaton.ts';
import { Draws } from './draws.ts';
import { type FuzzModel, LONGEST } from './fuzz-models.ts';

/** A request of many schedules, whose solo run is made once. */
export interface FuzzRequest {
  readonly promptIds: readonly number[];
  readonly sampling: SamplingOptions & { readonly maxTokens: number; readonly seed: number };
  readonly promptLogprobs: number | null;
  /** Rule for its ids; undefined for none. */
  readonly constraint: RandomAutomaton | undefined;
}

const COUNT = 48;
/** Most ids that a long prompt generates, and a short one, which so needs several blocks. */
const [FEW, MANY] = [12, 32];
const SHORT = 40;

/** Tells whether a prompt is short: many such requests exhaust small pools. */
export function isShort({ promptIds }: Pick<FuzzRequest, 'promptIds'>): boolean {
  return promptIds.length <= SHORT;
}

/** Makes the requests of a model, the same ones each time. Their seeds differ and so identify rows of logits. */
export function fuzzRequests(model: FuzzModel): FuzzRequest[] {
  const texts = model.texts();
  return Array.from({ length: COUNT }, (_, index) => {
    const draws = new Draws(hashSeed(1, index));
    const text = texts[draws.integer(0, texts.length - 1)] ?? [];
    const tail = draws.ids(draws.pick([0, 0, 1, 5]), model.vocabSize);
    const promptIds = [...text.slice(0, drawLength(draws)), ...tail].slice(0, LONGEST - FEW);
    const maxTokens = draws.integer(1, isShort({ promptIds }) ? MANY : FEW);
    const sampling = { ...drawSampling(draws, model, maxTokens), maxTokens, seed: hashSeed(2, index) };
    const promptLogprobs = draws.chance(0.25) ? draws.pick([0, 1, 5]) : null;
    return { promptIds, sampling, promptLogprobs, constraint: drawConstraint(index, model, sampling) };
  });
}

/** Most are short; some pass 256 or 512 tokens while they decode, or have before. */
function drawLength(draws: Draws): number {
  const [min, max] = draws.pick([
    [1, 12],
    [1, 12],
    [13, 40],
    [13, 40],
    [41, 130],
    [246, 256],
    [257, 330],
    [502, 560],
  ]);
  return draws.integer(min, max);
}

/** A rule for a part of the requests, which completes a text with one of its stop ids where there are some. */
function drawConstraint(
  index: number,
  { vocabSize }: FuzzModel,
  { stopTokenIds }: SamplingOptions,
): RandomAutomaton | undefined {
  const draws = new Draws(hashSeed(7, index));
  if (!draws.chance(0.3)) return undefined;
  const eosId = stopTokenIds?.[0];
  return new RandomAutomaton(hashSeed(8, index), { vocabSize, ...(eosId !== undefined && { eosId }) });
}

function drawSampling(draws: Draws, { vocabSize }: FuzzModel, maxTokens: number): SamplingOptions {
  return {
    temperature: draws.pick([0, 0.7, 1, 1.5]),
    ...(draws.chance(0.2) && { topK: draws.integer(1, 20) }),
    ...(draws.chance(0.2) && { topP: 0.9 }),
    ...(draws.chance(0.1) && { minP: 0.05 }),
    ...(draws.chance(0.2) && { repetitionPenalty: 1.3 }),
    ...(draws.chance(0.2) && { presencePenalty: 0.7 }),
    ...(draws.chance(0.2) && { frequencyPenalty: -0.4 }),
    ...(draws.chance(0.1) && { logitBias: { [draws.integer(0, vocabSize - 1)]: 3 } }),
    ...(draws.chance(0.2) && { stopTokenIds: draws.ids(4, Math.min(vocabSize, 1000)) }),
    ...(draws.chance(0.2) && { stop: ['e', 'th'] }),
    ...(draws.chance(0.2) && { minTokens: draws.integer(0, maxTokens) }),
    ...(draws.chance(0.3) && { logprobs: draws.pick([0, 1, 5]) }),
  };
}
