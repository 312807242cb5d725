// tokenizer.json and tokenizer_config.json of a model directory, read with distrust.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RoseinferError } from '../util/errors.ts';

/** A tokenizer file that is missing or malformed, or describes no byte-level BPE tokenizer. */
export class TokenizerError extends RoseinferError {
  readonly path: string;

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path}: ${problem}`, options);
    this.path = path;
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

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
  /** tokenizer_config.json */
  readonly config: JsonObject;
  /** Tokens that are found in a text before any merge. */
  readonly addedTokens: readonly AddedToken[];
  /** Id of the config's `eos_token`. */
  readonly eosId: number | null;
  /** Highest id + 1. */
  readonly vocabSize: number;
}

/**
 * Reads the tokenizer files in `dir`.
 * @throws {TokenizerError} when one is missing or malformed, or the tokenizer is no byte-level BPE
 */
export async function readTokenizerFiles(dir: string): Promise<TokenizerFiles> {
  const path = join(dir, 'tokenizer.json');
  const configPath = join(dir, 'tokenizer_config.json');
  const definition = await readJsonObject(path);
  const config = await readJsonObject(configPath);

  const { model, decoder } = definition;
  if (!isJsonObject(model) || !isJsonObject(model.vocab) || !Array.isArray(model.merges)) {
    throw new TokenizerError(path, 'model has no vocab and merges, expected byte-level BPE');
  }
  if (!isJsonObject(decoder) || decoder.type !== 'ByteLevel') {
    const found = quote(isJsonObject(decoder) ? decoder.type : decoder);
    throw new TokenizerError(path, `decoder is ${found}, expected "ByteLevel"`);
  }
  if (!Array.isArray(definition.added_tokens)) {
    throw new TokenizerError(path, `added_tokens is ${quote(definition.added_tokens)}, expected a list`);
  }
  const addedTokens = definition.added_tokens.map((token) => parseAddedToken(token, path));
  const ids = new Map<string, number>();
  for (const [token, id] of Object.entries(model.vocab)) ids.set(token, checkId(id, token, path));
  for (const { content, id } of addedTokens) ids.set(content, id);
  const vocabSize = 1 + ids.values().reduce((highest, id) => Math.max(highest, id), -1);
  return { path, definition, config, addedTokens, eosId: findEos(config, ids, configPath), vocabSize };
}

function parseAddedToken(value: unknown, path: string): AddedToken {
  const content = contentOf(value);
  if (!isJsonObject(value) || content === undefined || content === '') {
    throw new TokenizerError(path, `added token is ${quote(value)}, expected an object with id and content`);
  }
  return { ...value, id: checkId(value.id, content, path), content, special: value.special === true };
}

/** Ids travel in 32-bit integers. */
function checkId(id: unknown, token: string, path: string): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < 2 ** 31) return id;
  throw new TokenizerError(path, `id of ${quote(token)} is ${quote(id)}, expected an integer in [0, 2^31)`);
}

function findEos(config: JsonObject, ids: ReadonlyMap<string, number>, path: string): number | null {
  const token = config.eos_token ?? null;
  if (token === null) return null;
  const id = ids.get(contentOf(token) ?? '');
  if (id === undefined) {
    throw new TokenizerError(path, `eos_token is ${quote(token)}, expected a token of the vocabulary`);
  }
  return id;
}

/** A token's text, given as it is or as an object with options. */
function contentOf(token: unknown): string | undefined {
  const content = isJsonObject(token) ? token.content : token;
  return typeof content === 'string' ? content : undefined;
}

async function readJsonObject(path: string): Promise<JsonObject> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new TokenizerError(path, 'file is missing or unreadable, expected a JSON file', { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TokenizerError(path, 'file is not JSON, expected a JSON object', { cause });
  }
  if (!isJsonObject(value)) throw new TokenizerError(path, 'file holds no JSON object');
  return value;
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A JSON value as one line for a message. */
function quote(value: unknown): string {
  return JSON.stringify(value) ?? 'missing';
}
