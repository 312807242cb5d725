// Tokenizers from the metadata of GGUF files: the ids of the tokenizers that the files were made of, by Hugging Face and by
// SentencePiece itself, and metadata that is refused.
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { TokenizerError } from '../../src/tokenizer/tokenizer-error.ts';

const FIXTURES = 'test/fixtures/tokenizers';
const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE] = [1, 2, 3, 4, 5, 6];

/** The parts of tokenizer.json that metadata is made of. */
interface Definition {
  readonly added_tokens: readonly { readonly content: string }[];
  readonly model: { readonly vocab: Readonly<Record<string, number>>; readonly merges: readonly (readonly string[])[] };
}

interface Row {
  readonly text: string;
  readonly ids: readonly number[];
  readonly with_special: readonly number[];
  readonly decoded: string;
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8'));
}

/** Lists tokens by id. */
function inOrder(vocab: Readonly<Record<string, number>>): string[] {
  return Object.keys(vocab).sort((a, b) => vocab[a]! - vocab[b]!);
}

/** Writes the vocabulary of a byte-level family as llama.cpp's conversion does. */
async function byteLevelMetadata(family: string, rest: object): Promise<Map<string, unknown>> {
  const { added_tokens, model } = await readJson<Definition>(`${FIXTURES}/${family}/tokenizer.json`);
  const tokens = inOrder(model.vocab);
  const control = new Set(added_tokens.map(({ content }) => content));
  return prefixed({
    model: 'gpt2',
    tokens,
    token_type: Int32Array.from(tokens, (token) => (control.has(token) ? CONTROL : NORMAL)),
    merges: model.merges.map((merge) => merge.join(' ')),
    eos_token_id: 2,
    ...rest,
  });
}

function prefixed(values: object): Map<string, unknown> {
  return new Map(Object.entries(values).map(([key, value]) => [`tokenizer.ggml.${key}`, value]));
}

describe('a byte-level tokenizer', () => {
  test.for<[family: string, rest: object]>([
    ['qwen2', { pre: 'qwen2', add_bos_token: false, bos_token_id: 0 }],
    ['smollm', { pre: 'smollm' }],
    ['ignore_merges', { pre: 'llama-bpe', bos_token_id: 0 }],
    ['llama3', { pre: 'smaug-bpe', bos_token_id: 0, add_bos_token: true }],
  ])('of %s gives the ids and texts of Hugging Face', async ([family, rest]) => {
    const tokenizer = Tokenizer.fromGGUF(await byteLevelMetadata(family, rest), 'model.gguf');
    for (const { text, ids, with_special, decoded } of await readJson<Row[]>(`${FIXTURES}/${family}/encode.json`)) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.encode(text, { addSpecial: true }), JSON.stringify(text)).toEqual(with_special);
      expect(tokenizer.decode(ids, { skipSpecialTokens: false }), JSON.stringify(text)).toBe(decoded);
    }
  });

  test('of GPT-2 gives the golden ids', async () => {
    const { model } = await readJson<Definition>('weights/gpt2/tokenizer.json');
    const tokens = inOrder(model.vocab);
    const token_type = tokens.map((token) => (token === '<|endoftext|>' ? CONTROL : NORMAL));
    const metadata = prefixed({ model: 'gpt2', pre: 'gpt-2', tokens, token_type, merges: model.merges });
    const tokenizer = Tokenizer.fromGGUF(metadata, 'model.gguf');
    const rows = await readJson<Row[]>('test/fixtures/gpt2-tokenizer/encode.json');
    for (const { text, ids } of rows) expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
  });

  test('of the pre-tokenizer "default" splits at signs, then as GPT-2, then digits by threes', async () => {
    const { model } = await readJson<Definition>('weights/gpt2/tokenizer.json');
    const tokens = inOrder(model.vocab);
    const metadata = prefixed({ model: 'gpt2', tokens, token_type: tokens.map(() => NORMAL), merges: model.merges });
    const words = (pre: string, text: string) => {
      const tokenizer = Tokenizer.fromGGUF(new Map([...metadata, ['tokenizer.ggml.pre', pre]]), 'model.gguf');
      return tokenizer.encode(text).map((id) => tokenizer.decode([id], { skipSpecialTokens: false }));
    };
    expect(words('gpt-2', '2000 $5')).toEqual(['2000', ' $', '5']);
    expect(words('default', '2000 $5')).toEqual(['200', '0', ' ', '$', '5']);
    expect(words('gpt-2', "it've")).toEqual(['it', "'ve"]);
    expect(words('default', "it've")).toEqual(['it', "'", 've']);
  });
});

describe('a SentencePiece tokenizer', () => {
  test('gives the ids of SentencePiece by the scores of its tokens', async () => {
    const { tokens, scores, types, rows } = await readJson<{
      tokens: string[];
      scores: number[];
      types: number[];
      rows: Pick<Row, 'text' | 'ids'>[];
    }>(`${FIXTURES}/scores.json`);
    const token_type = Int32Array.from(types);
    const metadata = prefixed({ model: 'llama', tokens, token_type, scores: Float32Array.from(scores) });
    const tokenizer = Tokenizer.fromGGUF(metadata, 'model.gguf');
    for (const { text, ids } of rows) {
      expect(tokenizer.encode(text, { parseSpecial: false }), JSON.stringify(text)).toEqual(ids);
      const spaces = text.replaceAll('▁', ' ');
      expect(tokenizer.decode(ids, { skipSpecialTokens: true }), JSON.stringify(text)).toBe(spaces);
    }
  });

  test('gives the ids and texts of Hugging Face, whose merges are in the order of the scores', async () => {
    const { model } = await readJson<Definition>(`${FIXTURES}/sentencepiece/tokenizer.json`);
    const tokens = inOrder(model.vocab);
    const rankOf = new Map(model.merges.map((merge, rank) => [merge.join(''), rank]));
    const scores = tokens.map((token) => -(rankOf.get(token) ?? 1e6));
    const typeOf = (token: string, id: number) => {
      if (id < 3) return id === 0 ? UNKNOWN : CONTROL;
      return /^<0x..>$/.test(token) ? BYTE : NORMAL;
    };
    const special = { bos_token_id: 1, eos_token_id: 2 };
    const metadata = prefixed({ model: 'llama', tokens, token_type: tokens.map(typeOf), scores, ...special });
    const tokenizer = Tokenizer.fromGGUF(metadata, 'model.gguf');
    for (const { text, ids, with_special, decoded } of await readJson<Row[]>(`${FIXTURES}/sentencepiece/encode.json`)) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.encode(text, { addSpecial: true }), JSON.stringify(text)).toEqual(with_special);
      expect(tokenizer.decode(ids, { skipSpecialTokens: false }), JSON.stringify(text)).toBe(decoded);
    }
  });
});

describe('metadata', () => {
  const byteTokens = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const tokens = [...byteTokens, '▁', 'a', '▁a', '<s>', '</s>', '<eot>', '<tool>', '', ''];
  const [SPACE, A, SPACE_A, BOS, EOS, EOT, TOOL] = [256, 257, 258, 259, 260, 261, 262];
  const added = [CONTROL, CONTROL, CONTROL, USER_DEFINED, UNUSED, UNUSED];
  const small = {
    model: 'llama',
    tokens,
    token_type: [...byteTokens.map(() => BYTE), NORMAL, NORMAL, NORMAL, ...added],
    scores: tokens.map(() => 0),
    bos_token_id: BOS,
    eos_token_id: EOS,
  };
  const make = (change: object) => Tokenizer.fromGGUF(prefixed({ ...small, ...change }), 'model.gguf');

  test('says which tokens end a text, and which stand around it', () => {
    expect(make({ eot_token_id: EOT }).eosIds).toEqual([EOS, EOT]);
    expect(make({ eot_token_id: EOS }).eosIds).toEqual([EOS]);
    expect([make({}).bosToken, make({}).eosToken]).toEqual(['<s>', '</s>']);
    const idsOf = (change: object) => make(change).encode('a', { addSpecial: true });
    expect(idsOf({})).toEqual([BOS, SPACE_A]);
    expect(idsOf({ add_bos_token: false, add_eos_token: true })).toEqual([SPACE_A, EOS]);
    expect(idsOf({ bos_token_id: undefined })).toEqual([SPACE_A]);
  });

  test('says whether a space is put before a text', () => {
    const tokenizer = make({ add_space_prefix: false });
    expect(tokenizer.encode('a a')).toEqual([A, SPACE_A]);
    expect(tokenizer.decode([SPACE_A], { skipSpecialTokens: true })).toBe(' a');
    expect(make({}).decode([SPACE_A], { skipSpecialTokens: true })).toBe('a');
  });

  test('says which tokens are control tokens, and which are text that is found as a whole', () => {
    const tokenizer = make({});
    expect(tokenizer.encode('<tool><s>')).toEqual([TOOL, BOS]);
    expect(tokenizer.encode('<tool>', { parseSpecial: false })).toEqual([TOOL]);
    expect(tokenizer.encode('<s>', { parseSpecial: false })).toEqual([SPACE, 0x3c, 0x73, 0x3e]);
    expect([TOOL, BOS].map((id) => tokenizer.isSpecial(id))).toEqual([false, true]);
    expect(tokenizer.vocabSize).toBe(tokens.length);
    expect(tokenizer.mergedVocabSize).toBe(TOOL + 1);
  });

  const gpt2 = { model: 'gpt2', pre: 'gpt-2' };
  test.for<[string, object, string]>([
    ['there is no tokenizer', { model: undefined }, 'tokenizer.ggml.model is missing, expected one of gpt2, llama'],
    ['the model is unknown', { model: 'bert' }, 'tokenizer.ggml.model is "bert"'],
    ['the pre-tokenizer is missing', { model: 'gpt2' }, 'tokenizer.ggml.pre is missing, expected one of llama-bpe,'],
    ['the pre-tokenizer is unknown', { model: 'gpt2', pre: 'viking' }, 'tokenizer.ggml.pre is "viking"'],
    ['tokens are no list', { tokens: 'a' }, 'tokenizer.ggml.tokens is "a", expected a list'],
    ['a token is no text', { tokens: [7] }, 'tokenizer.ggml.tokens[0] is 7, expected a text'],
    [
      'a token comes twice',
      { tokens: tokens.with(1, 'a') },
      'tokenizer.ggml.tokens[257] is "a", expected another text',
    ],
    ['types are missing', { token_type: undefined }, 'tokenizer.ggml.token_type is missing, expected a list'],
    ['types are too few', { token_type: [1] }, 'length of tokenizer.ggml.token_type is 1, expected 265'],
    ['a type is unknown', { token_type: small.token_type.with(9, 7) }, 'tokenizer.ggml.token_type[9] is 7'],
    ['scores are missing', { scores: undefined }, 'tokenizer.ggml.scores is missing, expected a list'],
    ['a score is no number', { scores: small.scores.with(3, Number.NaN) }, 'tokenizer.ggml.scores[3] is NaN'],
    ['a byte has no token', { tokens: tokens.with(65, 'b') }, 'token of byte 65 of tokenizer.ggml.tokens is missing'],
    ['a letter has no token', gpt2, 'token of byte 9 of tokenizer.ggml.tokens is missing, expected "ĉ"'],
    ['an id is beyond the tokens', { eos_token_id: 265 }, 'tokenizer.ggml.eos_token_id is 265, expected an integer in'],
    [
      'an id is beyond 2^53',
      { eos_token_id: 2n ** 60n },
      'eos_token_id is 1152921504606846976, expected an integer in',
    ],
    ['an id is a list', { eos_token_id: Uint32Array.of(1, 2) }, 'tokenizer.ggml.eos_token_id is [1, 2], expected'],
    ['a bos is added that is not named', { bos_token_id: undefined, add_bos_token: true }, 'add_bos_token is true'],
    ['a flag is a number', { add_eos_token: 1 }, 'tokenizer.ggml.add_eos_token is 1, expected true or false'],
    ['spaces are removed', { remove_extra_whitespaces: true }, 'tokenizer.ggml.remove_extra_whitespaces is true'],
  ])('is refused in one line that names file and key when %s', ([, change, message]) => {
    const attempt = () => make(change);
    expect(attempt).toThrow(TokenizerError);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(/^model\.gguf: .{1,400}$/);
  });

  test('is refused where merges are missing or unknown', async () => {
    const missing = await byteLevelMetadata('smollm', { pre: 'smollm', merges: undefined });
    expect(() => Tokenizer.fromGGUF(missing, 'x')).toThrow('x: tokenizer.ggml.merges is missing, expected a list');
    const unknown = await byteLevelMetadata('smollm', { pre: 'smollm', merges: ['a 7x'] });
    expect(() => Tokenizer.fromGGUF(unknown, 'x')).toThrow('merge of tokenizer.ggml.merges is "a 7x"');
  });
});
