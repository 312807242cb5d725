// tokenizer.json of a model directory and the files beside it, read with distrust: what the library would pass over or do in
// another way than Hugging Face's tokenizers is refused, and the library gets what is left.
import { join } from 'node:path';
import { isJsonObject, type JsonObject, readJsonObject } from '../util/json.ts';
import { quoteJson } from '../util/model-file-error.ts';
import { isAbsent } from '../util/regular-file.ts';
import { checkId, parseBpeModel } from './bpe-model.ts';
import { checkPostProcessor, rewriteNormalizer, rewritePreTokenizer } from './text-pipeline.ts';
import { type Refuse, refuseIn, TokenizerError } from './tokenizer-error.ts';

/** The file that makes text of ids. */
export const TOKENIZER_FILE = 'tokenizer.json';

/** Error of an operation on text where there are only ids. */
export function missingTokenizer(path: string): TokenizerError {
  return new TokenizerError(path, { subject: 'file', found: 'missing', expected: 'a tokenizer, as text is asked for' });
}

/** A token that byte-pair encoding doesn't make: it is found in the text by its spelling. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** A control token, no part of the text. */
  readonly special: boolean;
  /** It is looked for after normalization. */
  readonly normalized: boolean;
}

/** Contents of a tokenizer's files. */
export interface TokenizerFiles {
  /** Path of tokenizer.json. */
  readonly path: string;
  /** tokenizer.json for the library, without the added tokens. */
  readonly definition: JsonObject;
  /** Tokens that are found in a text before any merge. */
  readonly addedTokens: readonly AddedToken[];
  /** Id of the `eos_token`, if the files name one. */
  readonly eosIds: readonly number[];
  /** Highest id + 1. */
  readonly vocabSize: number;
  /** Highest id + 1 of the tokens that any text may become, which are those that are not added. */
  readonly mergedVocabSize: number;
}

/**
 * Reads the tokenizer files in `dir`; only tokenizer.json has to be there.
 *
 * @throws TokenizerError when one is malformed or contradicts itself, or asks for what would give other ids than
 * Hugging Face's tokenizers.
 */
export async function readTokenizerFiles(dir: string): Promise<TokenizerFiles> {
  const path = join(dir, TOKENIZER_FILE);
  const refuse = refuseIn(path);
  const json = await readJsonObject(path, (problem) => new TokenizerError(path, problem));

  const { vocab, merges, ignoresMerges } = parseBpeModel(json.model, refuse);
  const addedTokens = parseAddedTokens(json.added_tokens, vocab, refuse);
  const decoder = isJsonObject(json.decoder) ? json.decoder.type : json.decoder;
  if (decoder !== 'ByteLevel') throw refuse('decoder', decoder, '"ByteLevel"');
  // `truncation` and `padding` are left over from training: transformers switches both off to encode.
  checkPostProcessor(json.post_processor, refuse);
  const definition = {
    normalizer: rewriteNormalizer(json.normalizer, refuse),
    pre_tokenizer: rewritePreTokenizer(json.pre_tokenizer, refuse),
    post_processor: null,
    decoder: { type: decoder },
    model: { type: 'BPE', vocab: Object.fromEntries(vocab), merges, ignore_merges: ignoresMerges },
  };

  const ids = new Map([...vocab, ...addedTokens.map(({ content, id }) => [content, id] satisfies [string, number])]);
  const added = new Set(addedTokens.map(({ content }) => content));
  const mergedIds = vocab.entries().flatMap(([token, id]) => (added.has(token) ? [] : [id]));
  const [vocabSize, mergedVocabSize] = [sizeOf(ids.values()), sizeOf(mergedIds)];
  const eosIds = await findEos(dir, ids);
  return { path, definition, addedTokens, eosIds, vocabSize, mergedVocabSize };
}

function sizeOf(ids: IteratorObject<number>): number {
  return 1 + ids.reduce((highest, id) => Math.max(highest, id), -1);
}

/** Checks that each token has an id that nothing else has. */
function parseAddedTokens(list: unknown, vocab: ReadonlyMap<string, number>, refuse: Refuse): AddedToken[] {
  if (!Array.isArray(list)) throw refuse('added_tokens', list, 'a list');
  const tokens = list.map((token: unknown) => parseAddedToken(token, refuse));
  const tokenOf = new Map(vocab.entries().map(([token, id]) => [id, token]));
  const contents = new Set<string>();
  for (const { content, id } of tokens) {
    if (contents.has(content)) throw refuse('added token', content, 'each token once');
    contents.add(content);
    const known = vocab.get(content);
    if (known !== undefined && known !== id) throw refuse(`id of ${quoteJson(content)}`, id, `${known}, as in vocab`);
    const other = tokenOf.get(id) ?? content;
    if (other !== content) throw refuse(`id ${id}`, [other, content], 'the id of one token');
    tokenOf.set(id, content);
  }
  return tokens;
}

function parseAddedToken(value: unknown, refuse: Refuse): AddedToken {
  const content = contentOf(value);
  if (!isJsonObject(value) || content === undefined || content === '' || !content.isWellFormed()) {
    throw refuse('added token', value, 'an object with id and content');
  }
  const name = quoteJson(content);
  for (const option of ['lstrip', 'rstrip', 'single_word']) {
    if ((value[option] ?? false) !== false)
      throw refuse(`${option} of ${name}`, value[option], 'false: it is not supported');
  }
  const { special = false, normalized = !special } = value;
  if (typeof special !== 'boolean') throw refuse(`special of ${name}`, special, 'true or false');
  if (typeof normalized !== 'boolean') throw refuse(`normalized of ${name}`, normalized, 'true or false');
  return { id: checkId(value.id, content, refuse), content, special, normalized };
}

/** The `eos_token` of the first of these files that has one counts. */
const EOS_FILES = ['tokenizer_config.json', 'special_tokens_map.json'];

async function findEos(dir: string, ids: ReadonlyMap<string, number>): Promise<number[]> {
  for (const path of EOS_FILES.map((name) => join(dir, name))) {
    if (await isAbsent(path)) continue;
    const config = await readJsonObject(path, (problem) => new TokenizerError(path, problem));
    const token = config.eos_token ?? null;
    if (token === null) continue;
    const content = contentOf(token);
    const id = content === undefined ? undefined : ids.get(content);
    if (id === undefined) throw refuseIn(path)('eos_token', content ?? token, 'a token of the vocabulary');
    return [id];
  }
  return [];
}

/** A token's text, given as it is or as an object with options. */
function contentOf(token: unknown): string | undefined {
  const content = isJsonObject(token) ? token.content : token;
  return typeof content === 'string' ? content : undefined;
}
