// Tokens that end a text by a model's files: as in transformers, those of generation_config.json, else of config.json.
import { join } from 'node:path';
import { readJsonObject } from '../util/json.ts';
import type { Problem } from '../util/model-file-error.ts';
import { isAbsent } from '../util/regular-file.ts';
import { ConfigError, type ModelConfig, parseEosIds } from './config.ts';

/** Eos ids of a model directory. */
export interface ModelEosIds {
  /** Tokens of the model's vocabulary, each once. */
  readonly eosIds: readonly number[];
  /** Ids that the files name and the model has no row for. */
  readonly unused: readonly number[];
}

/**
 * Reads the eos ids of generation_config.json in `dir`, or takes those of `config` where that file or its key is
 * missing.
 *
 * @throws ConfigError when the file is malformed or the value is neither an id nor a list of ids.
 */
export async function readEosIds(dir: string, config: ModelConfig): Promise<ModelEosIds> {
  const path = join(dir, 'generation_config.json');
  let ids = config.eosTokenIds;
  if (!(await isAbsent(path))) {
    const fail = (problem: Problem) => new ConfigError(path, problem);
    const { eos_token_id: value } = await readJsonObject(path, fail);
    if (value !== undefined && value !== null) ids = parseEosIds(value, fail);
  }
  const isToken = (id: number) => id >= 0 && id < config.vocabSize;
  return { eosIds: ids.filter(isToken), unused: ids.filter((id) => !isToken(id)) };
}
