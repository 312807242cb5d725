// Rows of logits and the distributions that Hugging Face's logits processors make of them: the reference of the float64
// sampler and of the kernels alike.
import { readFileSync } from 'node:fs';
import type { LogitPenalties, SamplingFilters } from '../../src/reference/sampling.ts';
import { readSafetensors } from './models/read-safetensors.ts';

/** Parameters of a fixture under their names in the file; one that is missing is off. */
interface Parameters {
  readonly name: string;
  readonly history: readonly number[];
  readonly output_from?: number;
  readonly temperature?: number;
  readonly top_k?: number;
  readonly top_p?: number;
  readonly min_p?: number;
  readonly repetition_penalty?: number;
  readonly presence_penalty?: number;
  readonly frequency_penalty?: number;
  readonly logit_bias?: Readonly<Record<string, number>>;
}

/** One row of logits [V] and its distribution [V]. */
export interface SamplingFixture {
  readonly name: string;
  readonly logits: Float64Array;
  readonly filters: SamplingFilters;
  readonly penalties: LogitPenalties & { readonly outputIds: readonly number[] };
  readonly probs: Float64Array;
  /** Names of the parameters that the file states. */
  readonly stated: readonly string[];
}

const tensors = readSafetensors('test/fixtures/sampling.safetensors');
const cases: readonly Parameters[] = JSON.parse(readFileSync('test/fixtures/sampling.json', 'utf8'));

/** All fixtures, in the order of the file. */
export const samplingFixtures: readonly SamplingFixture[] = cases.map((parameters, index) => {
  const { name, history, output_from = 0, temperature = 1, top_k = 0, top_p = 1, min_p = 0 } = parameters;
  return {
    name,
    logits: tensors.get(`${index}.logits`)!,
    filters: { temperature, topK: top_k, topP: top_p, minP: min_p },
    penalties: {
      promptIds: history.slice(0, output_from),
      outputIds: history.slice(output_from),
      logitBias: parameters.logit_bias ?? {},
      repetitionPenalty: parameters.repetition_penalty ?? 1,
      presencePenalty: parameters.presence_penalty ?? 0,
      frequencyPenalty: parameters.frequency_penalty ?? 0,
    },
    probs: tensors.get(`${index}.probs`)!,
    stated: Object.keys(parameters),
  };
});
