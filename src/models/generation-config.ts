// generation_config.json of a model directory: the tokens that end a text, and the sampling parameters that its authors advise.
// As in transformers, its eos ids come before those of config.json.
import { join } from 'node:path';
import type { SamplingParams } from '../core/sampling-params.ts';
import { SAMPLING_PARAMETERS } from '../core/sampling-table.ts';
import type { JsonObject } from '../util/json.ts';
import { readJsonObject } from '../util/json-file.ts';
import { type Problem, quoteJson } from '../util/model-file-error.ts';
import { isAbsent } from '../util/regular-file.ts';
import { ConfigError, type ModelConfig, parseEosIds } from './config.ts';

/** Each parameter that the file may set, by its key there. */
const ADVISED = {
  temperature: 'temperature',
  top_k: 'topK',
  top_p: 'topP',
  min_p: 'minP',
  repetition_penalty: 'repetitionPenalty',
} as const;

/** Sampling parameters that a model's authors advise. */
export type AdvisedSampling = { readonly [K in (typeof ADVISED)[keyof typeof ADVISED]]?: SamplingParams[K] };

/** Generation settings of a model directory. */
export interface GenerationConfig {
  /** Tokens of the model's vocabulary, each once. */
  readonly eosIds: readonly number[];
  /** Eos ids that the files name and the model has no row for. */
  readonly unusedEosIds: readonly number[];
  readonly sampling: AdvisedSampling;
}

/**
 * Reads generation_config.json in `dir`; the eos ids are those of `config` where that file or its key is missing.
 *
 * @throws ConfigError when the file is malformed, an eos is neither an id nor a list of ids, or a parameter is out of range.
 */
export async function readGenerationConfig(dir: string, config: ModelConfig): Promise<GenerationConfig> {
  const path = join(dir, 'generation_config.json');
  if (await isAbsent(path)) return { ...splitEosIds(config.eosTokenIds, config), sampling: {} };
  const fail = (problem: Problem) => new ConfigError(path, problem);
  const json = await readJsonObject(path, fail);
  const { eos_token_id: value } = json;
  const ids = value === undefined || value === null ? config.eosTokenIds : parseEosIds(value, fail);
  return { ...splitEosIds(ids, config), sampling: readSampling(json, fail) };
}

/** Parts eos ids into those that the model has a row for, and the others. */
export function splitEosIds(ids: readonly number[], { vocabSize }: ModelConfig): Omit<GenerationConfig, 'sampling'> {
  const isToken = (id: number) => id >= 0 && id < vocabSize;
  return { eosIds: ids.filter(isToken), unusedEosIds: ids.filter((id) => !isToken(id)) };
}

/** Reads the advised parameters; null stands for none, and greedy decoding (`do_sample: false`) for temperature 0. */
function readSampling(json: JsonObject, fail: (problem: Problem) => Error): AdvisedSampling {
  const entries = Object.entries(ADVISED).flatMap(([key, name]) => {
    const { [key]: value } = json;
    if (value === undefined || value === null) return [];
    const { accepts, expected } = SAMPLING_PARAMETERS[name];
    if (!accepts(value)) throw fail({ subject: key, found: quoteJson(value), expected });
    return [[name, value]];
  });
  return { ...Object.fromEntries(entries), ...(json.do_sample === false && { temperature: 0 }) };
}
