// A tokenizer from the metadata of a GGUF file. Byte-level files list merges, as tokenizer.json does; SentencePiece's have a
// score for each token, and two tokens merge where they spell a third, the one with the highest score first.
import type { FindMerge } from './bpe.ts';
import { mergeTable } from './bpe.ts';
import { parseMerge, parseVocab, wordEncoder } from './bpe-model.ts';
import { GGUF_SPLITS } from './gguf-splits.ts';
import { type GGUFMetadata, type GGUFVocabulary, listOf, numbersOf, readGGUFVocabulary } from './gguf-vocabulary.ts';
import { parseNormalizer } from './normalizer.ts';
import type { Surroundings } from './post-processor.ts';
import { parsePreTokenizer } from './pre-tokenizer.ts';
import type { EncoderParts } from './text-encoder.ts';
import { BYTE_LEVEL, sentencePieceDecoder, type TokenDecoder } from './token-decoder.ts';
import { type Refuse, refuseIn } from './tokenizer-error.ts';
import { sizeOf, type TokenizerParts } from './tokenizer-parts.ts';

/** Parts that depend on the model of the tokenizer. */
interface ModelParts extends EncoderParts {
  readonly decoder: TokenDecoder;
  /** A BOS begins a text unless the file says otherwise. */
  readonly addsBos: boolean;
}

type ReadModel = (metadata: GGUFMetadata, vocabulary: GGUFVocabulary, refuse: Refuse) => ModelParts;

const MODELS: ReadonlyMap<unknown, ReadModel> = new Map<unknown, ReadModel>([
  ['gpt2', byteLevelModel],
  ['llama', sentencePieceModel],
]);
/** Keys of the tokens that end a text or a turn. */
const EOS_KEYS = ['eos', 'eot', 'eom'].map((name) => `tokenizer.ggml.${name}_token_id`);
/** A letter without a token is left out, as by llama.cpp. */
const NO_UNKNOWN = { unknownId: null, fusesUnknown: false };
/** SentencePiece's sign for a space. */
const SIGN = '\u2581';

/**
 * Reads the tokenizer of a GGUF file.
 *
 * @param path of the file, for errors.
 * @throws TokenizerError for an unknown model or pre-tokenizer, and for metadata that lacks a key or contradicts itself.
 */
export function readGGUFTokenizer(metadata: GGUFMetadata, path: string): TokenizerParts {
  const refuse = refuseIn(path);
  const model = metadata.get('tokenizer.ggml.model');
  const read = MODELS.get(model);
  if (read === undefined) throw refuse('tokenizer.ggml.model', model, `one of ${[...MODELS.keys()].join(', ')}`);
  const vocabulary = readGGUFVocabulary(metadata, refuse);
  const { tokens, pieces, bytes } = vocabulary;
  const parts = read(metadata, vocabulary, refuse);
  const idOf = (key: string): number | null => tokenId(metadata, key, tokens.length, refuse);
  const bos = idOf('tokenizer.ggml.bos_token_id');
  const eosIds = new Set(EOS_KEYS.map(idOf).filter((id) => id !== null));
  const [eos = null] = eosIds;
  return {
    ...parts,
    path,
    tokens: new Map(tokens.entries()),
    surroundings: surround(metadata, bos, eos, parts.addsBos, refuse),
    bosToken: bos === null ? null : (tokens[bos] ?? null),
    eosToken: eos === null ? null : (tokens[eos] ?? null),
    eosIds: [...eosIds],
    vocabSize: tokens.length,
    mergedVocabSize: sizeOf([...pieces.values(), ...bytes.values()]),
  };
}

function byteLevelModel(metadata: GGUFMetadata, { pieces, addedTokens }: GGUFVocabulary, refuse: Refuse): ModelParts {
  const name = metadata.get('tokenizer.ggml.pre');
  const split = GGUF_SPLITS.find(({ names }) => names.some((each) => each === name));
  if (split === undefined) {
    throw refuse('tokenizer.ggml.pre', name, `one of ${GGUF_SPLITS.flatMap(({ names }) => names).join(', ')}`);
  }
  const { patterns, normalForm, ignoresMerges, addsBos } = split;
  const splits = patterns.map((pattern) => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated' }));
  const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
  const vocab = parseVocab(pieces, true, within('tokenizer.ggml.tokens', refuse));
  const key = 'tokenizer.ggml.merges';
  const merges = listOf(metadata, key, refuse).map((merge) => parseMerge(merge, vocab, within(key, refuse)));
  return {
    addedTokens,
    normalize: parseNormalizer(normalForm === undefined ? null : { type: normalForm }, refuse),
    preTokenizer: parsePreTokenizer({ type: 'Sequence', pretokenizers: [...splits, bytes] }, refuse),
    encodeWord: wordEncoder({ vocab, findMerge: mergeTable(merges), ignoresMerges, ...NO_UNKNOWN }),
    decoder: BYTE_LEVEL,
    addsBos,
  };
}

function sentencePieceModel(
  metadata: GGUFMetadata,
  { tokens, pieces, bytes, addedTokens }: GGUFVocabulary,
  refuse: Refuse,
): ModelParts {
  const addsSpace = flagOf(metadata, 'tokenizer.ggml.add_space_prefix', refuse) ?? true;
  if (flagOf(metadata, 'tokenizer.ggml.remove_extra_whitespaces', refuse) === true) {
    throw refuse('tokenizer.ggml.remove_extra_whitespaces', true, 'false: it is not supported');
  }
  const scores = numbersOf(metadata, 'tokenizer.ggml.scores', tokens.length, refuse);
  const findMerge: FindMerge = (left, right) => {
    const id = pieces.get(`${tokens[left]}${tokens[right]}`);
    return id === undefined ? undefined : { rank: -scores[id]!, id };
  };
  const vocab = parseVocab([...pieces, ...bytes], false, within('tokenizer.ggml.tokens', refuse));
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: SIGN };
  const normalizers = [...(addsSpace ? [{ type: 'Prepend', prepend: SIGN }] : []), spaces];
  return {
    addedTokens,
    normalize: parseNormalizer({ type: 'Sequence', normalizers }, refuse),
    preTokenizer: parsePreTokenizer(null, refuse),
    encodeWord: wordEncoder({ vocab, findMerge, ignoresMerges: false, ...NO_UNKNOWN }),
    decoder: sentencePieceDecoder([(token) => token.replaceAll(SIGN, ' ')], addsSpace ? 1 : 0),
    addsBos: true,
  };
}

/** Names the key in errors about a part of its value. */
function within(key: string, refuse: Refuse): Refuse {
  return (subject, value, expected) => refuse(`${subject} of ${key}`, value, expected);
}

function surround(
  metadata: GGUFMetadata,
  bos: number | null,
  eos: number | null,
  addsBosByDefault: boolean,
  refuse: Refuse,
): Surroundings {
  const idsOf = (key: string, id: number | null, byDefault: boolean): number[] => {
    const adds = flagOf(metadata, key, refuse);
    if (adds === true && id === null) throw refuse(key, adds, 'false where the file names no such token');
    return id !== null && (adds ?? byDefault) ? [id] : [];
  };
  return {
    before: idsOf('tokenizer.ggml.add_bos_token', bos, addsBosByDefault),
    after: idsOf('tokenizer.ggml.add_eos_token', eos, false),
  };
}

function flagOf(metadata: GGUFMetadata, key: string, refuse: Refuse): boolean | undefined {
  const value = metadata.get(key);
  if (value === undefined || typeof value === 'boolean') return value;
  throw refuse(key, value, 'true or false');
}

function tokenId(metadata: GGUFMetadata, key: string, numTokens: number, refuse: Refuse): number | null {
  const id = metadata.get(key);
  if (id === undefined) return null;
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < numTokens) return id;
  throw refuse(key, id, `an integer in [0, ${numTokens})`);
}
