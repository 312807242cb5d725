// tokenizer.json of a model directory and the files beside it, read with distrust: what would give other ids than Hugging
// Face's tokenizers is refused.
import { join } from 'node:path';
import type { JsonObject } from '../util/json.ts';
import { readJsonObject } from '../util/json-file.ts';
import { isAbsent } from '../util/regular-file.ts';
import { contentOf, parseAddedTokens } from './added-tokens.ts';
import { parseBpeModel } from './bpe-model.ts';
import { parseNormalizer } from './normalizer.ts';
import { flagOf } from './pipeline-parts.ts';
import { parsePostProcessor, type Surroundings } from './post-processor.ts';
import { parsePreTokenizer } from './pre-tokenizer.ts';
import { parseDecoder } from './token-decoder.ts';
import { type Refuse, refuseIn, TokenizerError } from './tokenizer-error.ts';
import { sizeOf, spellTokens, type TokenizerParts } from './tokenizer-parts.ts';

/** The file that makes text of ids. */
export const TOKENIZER_FILE = 'tokenizer.json';

/** Makes the error of an operation on text where there are only ids. @param path of the file that would hold the tokenizer. */
export function missingTokenizer(path: string): TokenizerError {
  return new TokenizerError(path, { subject: 'tokenizer', found: 'missing', expected: 'one, as text is asked for' });
}

/**
 * Reads the tokenizer files in `dir`; only tokenizer.json has to be there.
 *
 * @throws TokenizerError when one is malformed or contradicts itself, or asks for what would give other ids than
 * Hugging Face's tokenizers.
 */
export async function readTokenizerFiles(dir: string): Promise<TokenizerParts> {
  const path = join(dir, TOKENIZER_FILE);
  const refuse = refuseIn(path);
  const json = await readJsonObject(path, (problem) => new TokenizerError(path, problem));

  // `truncation` and `padding` are left over from training: transformers switches both off to encode.
  const decoder = parseDecoder(json.decoder, refuse);
  const preTokenizer = parsePreTokenizer(json.pre_tokenizer, refuse);
  const { isByteLevel } = preTokenizer;
  if (decoder.isByteLevel !== isByteLevel) {
    throw refuse(
      'pre_tokenizer',
      json.pre_tokenizer,
      isByteLevel ? 'one without ByteLevel, as the decoder' : 'ByteLevel, as the decoder',
    );
  }
  const { vocab, encodeWord } = parseBpeModel(json.model, isByteLevel, refuse);
  const addedTokens = parseAddedTokens(json.added_tokens, vocab, refuse);
  const normalize = parseNormalizer(json.normalizer, refuse);
  const added = new Map(addedTokens.map(({ content, id }) => [content, id]));
  const ids = new Map([...vocab, ...added]);
  const config = await readConfig(dir, ids);
  const { eos, bos } = config;
  return {
    path,
    tokens: spellTokens(vocab, addedTokens, normalize),
    addedTokens,
    normalize,
    preTokenizer,
    encodeWord,
    decoder,
    surroundings: surround(parsePostProcessor(json.post_processor, ids, refuse), config),
    bosToken: bos?.content ?? null,
    eosToken: eos?.content ?? null,
    eosIds: eos === null ? [] : [eos.id],
    vocabSize: sizeOf(ids.values()),
    mergedVocabSize: sizeOf(vocab.entries().flatMap(([token, id]) => (added.has(token) ? [] : [id]))),
  };
}

/** A token that a file names by its text. */
interface NamedToken {
  readonly content: string;
  readonly id: number;
}

/** Choices of tokenizer_config.json. */
interface Config {
  readonly bos: NamedToken | null;
  readonly eos: NamedToken | null;
  /** The bos and the eos are added to a text, or are not; null leaves it to the post-processor. */
  readonly addsBos: boolean | null;
  readonly addsEos: boolean | null;
}

/** The `bos_token` and the `eos_token` of the first of these files that has one count. */
const CONFIG_FILES = ['tokenizer_config.json', 'special_tokens_map.json'];

async function readConfig(dir: string, ids: ReadonlyMap<string, number>): Promise<Config> {
  const files: { readonly config: JsonObject; readonly refuse: Refuse }[] = [];
  for (const path of CONFIG_FILES.map((name) => join(dir, name))) {
    if (await isAbsent(path)) continue;
    const config = await readJsonObject(path, (problem) => new TokenizerError(path, problem));
    files.push({ config, refuse: refuseIn(path) });
  }
  const tokenOf = (name: string): NamedToken | null => {
    const file = files.find(({ config }) => (config[name] ?? null) !== null);
    if (file === undefined) return null;
    const token = file.config[name];
    const content = contentOf(token);
    const id = content === undefined ? undefined : ids.get(content);
    if (content === undefined || id === undefined)
      throw file.refuse(name, content ?? token, 'a token of the vocabulary');
    return { content, id };
  };
  const addsOf = (name: string, token: NamedToken | null): boolean | null => {
    const [file] = files;
    if (file === undefined || (file.config[name] ?? null) === null) return null;
    const adds = flagOf(file.config, name, false, file.refuse);
    if (adds && token === null) throw file.refuse(name, adds, 'false where no such token is named');
    return adds;
  };
  const [bos, eos] = [tokenOf('bos_token'), tokenOf('eos_token')];
  return { bos, eos, addsBos: addsOf('add_bos_token', bos), addsEos: addsOf('add_eos_token', eos) };
}

/** Lets tokenizer_config.json decide on bos and eos where it says something. */
function surround({ before, after }: Surroundings, { bos, eos, addsBos, addsEos }: Config): Surroundings {
  const idsOf = (token: NamedToken | null, adds: boolean): number[] => (token !== null && adds ? [token.id] : []);
  return {
    before: addsBos === null ? before : idsOf(bos, addsBos),
    after: addsEos === null ? after : idsOf(eos, addsEos),
  };
}
