// tokenizer.json and tokenizer_config.json of a model directory, read with distrust.
import { join } from 'node:path';
import { isJsonObject, type JsonObject, readJsonObject } from '../util/json.ts';
import { ModelFileError, quoteJson } from '../util/model-file-error.ts';
import { isAbsent } from '../util/regular-file.ts';

/** The file that makes text of ids. */
export const TOKENIZER_FILE = 'tokenizer.json';

/** A tokenizer file that can't be read or contradicts itself, or describes no byte-level BPE tokenizer. */
export class TokenizerError extends ModelFileError {}

/** The error of a text where ids are all that there is. */
export function missingTokenizer(path: string): TokenizerError {
  return new TokenizerError(path, { subject: 'file', found: 'missing', expected: 'a tokenizer, as text is asked for' });
}

/** A token that byte-pair encoding doesn't make: it is found in the text by its spelling. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** A control token, no part of the text. */
  readonly special: boolean;
}

/** What the two files say. */
export interface TokenizerFiles {
  /** Path of tokenizer.json. */
  readonly path: string;
  /** tokenizer.json */
  readonly definition: JsonObject;
  /** Tokens that are found in a text before any merge. */
  readonly addedTokens: readonly AddedToken[];
  /** Id of the config's `eos_token`, if it has one. */
  readonly eosIds: readonly number[];
  /** Highest id + 1. */
  readonly vocabSize: number;
  /** Highest id + 1 of the tokens that any text may become, which are those that are not added. */
  readonly mergedVocabSize: number;
}

/**
 * Reads the tokenizer files in `dir`; a directory without tokenizer_config.json names no eos token.
 * @throws {TokenizerError} when one is malformed, or the tokenizer is no byte-level BPE
 */
export async function readTokenizerFiles(dir: string): Promise<TokenizerFiles> {
  const path = join(dir, TOKENIZER_FILE);
  const configPath = join(dir, 'tokenizer_config.json');
  const fail = (subject: string, value: unknown, expected: string) =>
    new TokenizerError(path, { subject, found: quoteJson(value), expected });
  const definition = await readJsonObject(path, (problem) => new TokenizerError(path, problem));
  const config = (await isAbsent(configPath))
    ? {}
    : await readJsonObject(configPath, (problem) => new TokenizerError(configPath, problem));

  const { model, decoder } = definition;
  if (!isJsonObject(model) || !isJsonObject(model.vocab) || !Array.isArray(model.merges)) {
    throw fail('model', model, 'byte-level BPE with vocab and merges');
  }
  const decoderType = isJsonObject(decoder) ? decoder.type : decoder;
  if (decoderType !== 'ByteLevel') throw fail('decoder', decoderType, '"ByteLevel"');
  if (!Array.isArray(definition.added_tokens)) throw fail('added_tokens', definition.added_tokens, 'a list');
  const addedTokens = definition.added_tokens.map((token) => parseAddedToken(token, fail));
  const ids = new Map<string, number>();
  for (const [token, id] of Object.entries(model.vocab)) ids.set(token, checkId(id, token, fail));
  const added = new Set(addedTokens.map(({ content }) => content));
  const merged = ids.entries().filter(([token]) => !added.has(token));
  const mergedVocabSize = sizeOf(merged.map(([, id]) => id));
  for (const { content, id } of addedTokens) ids.set(content, id);
  const eosIds = findEos(config, ids, configPath);
  return { path, definition, addedTokens, eosIds, vocabSize: sizeOf(ids.values()), mergedVocabSize };
}

type Fail = (subject: string, value: unknown, expected: string) => TokenizerError;

function sizeOf(ids: IteratorObject<number>): number {
  return 1 + ids.reduce((highest, id) => Math.max(highest, id), -1);
}

function parseAddedToken(value: unknown, fail: Fail): AddedToken {
  const content = contentOf(value);
  if (!isJsonObject(value) || content === undefined || content === '') {
    throw fail('added token', value, 'an object with id and content');
  }
  return { ...value, id: checkId(value.id, content, fail), content, special: value.special === true };
}

/** Ids travel in 32-bit integers. */
function checkId(id: unknown, token: string, fail: Fail): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < 2 ** 31) return id;
  throw fail(`id of ${quoteJson(token)}`, id, 'an integer in [0, 2^31)');
}

function findEos(config: JsonObject, ids: ReadonlyMap<string, number>, path: string): number[] {
  const token = config.eos_token ?? null;
  if (token === null) return [];
  const content = contentOf(token);
  const id = content === undefined ? undefined : ids.get(content);
  if (id === undefined) {
    const found = quoteJson(content ?? token);
    throw new TokenizerError(path, { subject: 'eos_token', found, expected: 'a token of the vocabulary' });
  }
  return [id];
}

/** A token's text, given as it is or as an object with options. */
function contentOf(token: unknown): string | undefined {
  const content = isJsonObject(token) ? token.content : token;
  return typeof content === 'string' ? content : undefined;
}
