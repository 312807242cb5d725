// Configuration of a model as far as all architectures share it, in the project's words, and the reader of a config.json: each
// key by name, with its default, and an error that names key, value and range.
import { MAX_EOS_IDS } from '../core/sequence.ts';
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { ModelFileError, type Problem, quoteJson } from '../util/model-file-error.ts';

/** A config.json that is missing or describes no supported model; `subject` is the key. */
export class ConfigError extends ModelFileError {}

/** Sizes and ends of a model, whatever its architecture. */
export interface ModelConfig {
  /** L */
  readonly numLayers: number;
  /** H */
  readonly numHeads: number;
  /** G; H is a multiple of it. */
  readonly numKVHeads: number;
  /** D */
  readonly headDim: number;
  /** C */
  readonly hiddenSize: number;
  /** F */
  readonly mlpSize: number;
  /** V */
  readonly vocabSize: number;
  /** Tokens of the longest context. */
  readonly numPositions: number;
  /** Keys that a token sees in every layer, its own included; null for all before it. */
  readonly window: number | null;
  /** True where the output head is the token embedding. */
  readonly tieWordEmbeddings: boolean;
  /** Tokens that end a text, as in the file: the vocabulary may lack one. */
  readonly eosTokenIds: readonly number[];
  /** Keys of the file that are not understood and don't count, for a notice. */
  readonly ignoredKeys: readonly string[];
}

/** Reader of the keys of a config.json. */
export interface ConfigReader {
  readonly json: JsonObject;
  /** Error of this file. */
  readonly fail: (problem: Problem) => ConfigError;
  /** Reads a key, or takes `absent` where it is missing. @throws ConfigError unless `accepts` takes the value. */
  readonly read: <T>(key: string, accepts: (value: unknown) => value is T, expected: string, absent?: T) => T;
  /** Reads a positive integer. @throws ConfigError for anything else, and where it is missing. */
  readonly size: (key: string) => number;
  /** Reads true or false. @throws ConfigError for anything else. */
  readonly flag: (key: string, absent: boolean) => boolean;
  /** Reads the keys of an object under `key`; errors name them as `key.name`. @throws ConfigError unless it is an object. */
  readonly inner: (key: string) => ConfigReader;
}

/**
 * Reads a parsed config.json; `source` names it in errors.
 *
 * @throws ConfigError unless it is a JSON object.
 */
export function readConfig(json: unknown, source: string): ConfigReader {
  const fail = (problem: Problem) => new ConfigError(source, problem);
  if (!isJsonObject(json)) throw fail({ subject: 'config', found: quoteJson(json), expected: 'a JSON object' });
  return readerOf(json, fail);
}

function readerOf(json: JsonObject, fail: ConfigReader['fail']): ConfigReader {
  const read: ConfigReader['read'] = (key, accepts, expected, absent) => {
    const value = json[key] === undefined ? absent : json[key];
    if (!accepts(value)) throw fail({ subject: key, found: quoteJson(value), expected });
    return value;
  };
  return {
    json,
    fail,
    read,
    size: (key) => read(key, isSize, 'a positive integer'),
    flag: (key, absent) => read(key, (value) => typeof value === 'boolean', 'true or false', absent),
    inner: (key) =>
      readerOf(read(key, isJsonObject, 'a JSON object'), (problem) =>
        fail({ ...problem, subject: `${key}.${problem.subject}` }),
      ),
  };
}

/** Returns true for a positive integer. */
export function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** Numbers that `isPositive` takes, for errors. */
export const POSITIVE = 'a positive number that f32 holds';

/** Returns true for a positive number that kernels, which compute in f32, read neither as 0 nor as infinity. */
export function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Math.fround(value) > 0 && Math.fround(value) < Infinity;
}

/**
 * Checks an `eos_token_id`: null, an id or a list of ids; doubles are dropped.
 *
 * @throws what `fail` makes of the problem.
 */
export function parseEosIds(value: unknown, fail: (problem: Problem) => Error): number[] {
  if (value === null) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!list.every((id): id is number => typeof id === 'number' && Number.isInteger(id))) {
    throw fail({
      subject: 'eos_token_id',
      found: quoteJson(value),
      expected: 'an integer, a list of integers or null',
    });
  }
  // The tokenizer may add one more.
  const ids = [...new Set(list)];
  if (ids.length >= MAX_EOS_IDS) {
    throw fail({ subject: 'number of eos_token_id', found: ids.length, expected: `at most ${MAX_EOS_IDS - 1}` });
  }
  return ids;
}
