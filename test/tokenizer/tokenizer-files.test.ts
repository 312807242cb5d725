// Files of a tokenizer: what Hugging Face's tokenizers read is read alike, and files that would give other ids are refused
// in one line.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BYTE_OF_LETTER } from '../../src/tokenizer/byte-letters.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { TokenizerError } from '../../src/tokenizer/tokenizer-error.ts';

describe('tokenizer files', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tokenizer-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  const letters = [...BYTE_OF_LETTER.keys()];
  const vocab: Readonly<Record<string, number>> = Object.fromEntries(
    [...letters, 'ab', 'ba'].map((token, id) => [token, id]),
  );
  const model = { type: 'BPE', vocab, merges: [['a', 'b']] as unknown };
  const [A, B, AB, WORDS] = [97, 98, 256, 258];
  const words = { id: WORDS, content: 'two words', special: false };
  const bytes = { type: 'ByteLevel', add_prefix_space: false };

  /** A byte-level BPE of the 256 bytes, ab and ba; each test changes one part. */
  const small = {
    added_tokens: [words] as unknown,
    normalizer: null as unknown,
    pre_tokenizer: bytes as unknown,
    post_processor: null as unknown,
    decoder: { type: 'ByteLevel' } as unknown,
    model: model as unknown,
  };

  /** `null` leaves a file out. */
  async function load(definition: unknown, config: unknown = {}): Promise<Tokenizer> {
    for (const [name, content] of Object.entries({ 'tokenizer.json': definition, 'tokenizer_config.json': config })) {
      const path = join(dir, name);
      if (content === null) await rm(path, { force: true });
      else await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    }
    return Tokenizer.load(dir);
  }

  test('may name no eos token', async () => {
    const tokenizer = await load(small);
    expect(tokenizer.eosIds).toEqual([]);
    expect(tokenizer.encode('abba')).toEqual([AB, B, A]);
  });

  test('need no tokenizer_config.json', async () => {
    expect((await load(small, null)).eosIds).toEqual([]);
  });

  test('may name the eos token in special_tokens_map.json, if tokenizer_config.json names none', async () => {
    const path = join(dir, 'special_tokens_map.json');
    await writeFile(path, JSON.stringify({ eos_token: { content: 'ab' } }));
    expect((await load(small, { model_max_length: 9 })).eosIds).toEqual([AB]);
    expect((await load(small, { eos_token: 'ba' })).eosIds).toEqual([AB + 1]);
    await writeFile(path, JSON.stringify({ eos_token: 'none' }));
    await expect(load(small, null)).rejects.toThrow('special_tokens_map.json: eos_token is "none"');
    await rm(path);
  });

  test('may give the eos token as an object', async () => {
    expect((await load(small, { eos_token: { content: 'two words' } })).eosIds).toEqual([WORDS]);
  });

  test('may say in tokenizer_config.json that a bos or an eos is added, whatever the post-processor adds', async () => {
    const definition = { ...small, post_processor: { type: 'BertProcessing', cls: ['b', B], sep: ['b', B] } };
    const tokens = { bos_token: 'ab', eos_token: { content: 'ba' } };
    const idsOf = async (config: object) => (await load(definition, config)).encode('a', { addSpecial: true });
    expect(await idsOf(tokens)).toEqual([B, A, B]);
    expect(await idsOf({ ...tokens, add_bos_token: false })).toEqual([A, B]);
    expect(await idsOf({ ...tokens, add_bos_token: true, add_eos_token: true })).toEqual([AB, A, AB + 1]);
    expect(await idsOf({ ...tokens, add_eos_token: null })).toEqual([B, A, B]);
    const tokenizer = await load(definition, tokens);
    expect([tokenizer.bosToken, tokenizer.eosToken, tokenizer.eosIds]).toEqual(['ab', 'ba', [AB + 1]]);
    expect(tokenizer.encode('a')).toEqual([A]);
  });

  test('may add tokens that the byte alphabet cannot write', async () => {
    const tokenizer = await load(small);
    expect(tokenizer.encode('atwo wordsab')).toEqual([A, WORDS, AB]);
    expect(tokenizer.decode([A, WORDS, AB], { skipSpecialTokens: true })).toBe('atwo wordsab');
    expect(tokenizer.vocabSize).toBe(259);
  });

  test.each<[string, object]>([
    ['merges as text', { merges: ['a b'] }],
    [
      'no type of the model, and empty affixes, as in the published file',
      { type: undefined, continuing_subword_prefix: '', end_of_word_suffix: '' },
    ],
    ['options without effect', { dropout: 0, unk_token: '<unk>', fuse_unk: true, byte_fallback: true }],
  ])('may have %s', async (_, change) => {
    expect((await load({ ...small, model: { ...model, ...change } })).encode('abba')).toEqual([AB, B, A]);
  });

  test('may say that a word which is a token is not made of parts', async () => {
    const changed = { ...small, model: { ...model, ignore_merges: true } };
    expect((await load(changed)).encode('ba')).toEqual([AB + 1]);
    expect((await load(small)).encode('ba')).toEqual([B, A]);
  });

  test('may tell to cut and pad texts, which is left aside as in transformers', async () => {
    const truncation = { direction: 'Right', max_length: 2, strategy: 'LongestFirst', stride: 0 };
    const padding = { strategy: { Fixed: 8 }, direction: 'Right', pad_id: A, pad_type_id: 0, pad_token: 'a' };
    expect((await load({ ...small, truncation, padding })).encode('abba')).toEqual([AB, B, A]);
  });

  test('have normalized and other added tokens found in that order, as Hugging Face does', async () => {
    const added_tokens = [words, { id: 259, content: 'xtwo', normalized: true, special: false }];
    const tokenizer = await load({ ...small, added_tokens: [{ ...words, normalized: false }, added_tokens[1]] });
    expect(tokenizer.encode('xtwo words')).toEqual([120, WORDS]);
    expect((await load({ ...small, added_tokens })).encode('xtwo')).toEqual([259]);
  });

  const without = (token: string) => ({
    ...model,
    vocab: Object.fromEntries(Object.entries(vocab).filter(([each]) => each !== token)),
  });
  const withVocab = (change: Record<string, unknown>) => ({
    ...small,
    model: { ...model, vocab: { ...vocab, ...change } },
  });
  const added = (...tokens: readonly object[]) => ({ ...small, added_tokens: tokens });
  const splitBy = (pattern: unknown, rest: object = { behavior: 'Isolated' }) => ({
    ...small,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'Split', pattern, ...rest }, bytes] },
  });
  const sequence = (pretokenizers: readonly unknown[]) => ({ type: 'Sequence', pretokenizers });
  const metaspace = (change: object) => ({ type: 'Metaspace', replacement: '▁', ...change });
  const decoders = (types: readonly string[]) => ({ type: 'Sequence', decoders: types.map((type) => ({ type })) });
  const stripping = (change: object) => {
    const strip = { type: 'Strip', content: ' ', start: 1, stop: 0, ...change };
    return { type: 'Sequence', decoders: [{ type: 'ByteFallback' }, { type: 'Fuse' }, strip] };
  };
  const pieces = (change: object) => ({
    ...small,
    pre_tokenizer: null,
    decoder: decoders(['ByteFallback', 'Fuse']),
    ...change,
  });
  const template = (single: readonly unknown[]) => ({ type: 'TemplateProcessing', single, special_tokens: {} });

  test.for<[string, unknown, unknown, string]>([
    ['tokenizer.json is missing', null, {}, 'tokenizer.json: file is missing'],
    ['tokenizer.json is cut short', '{\n"model"', {}, 'tokenizer.json: file is not JSON'],
    ['tokenizer_config.json is a list', small, [], 'tokenizer_config.json: file is [], expected a JSON object'],
    ['there is no model', { ...small, model: null }, {}, 'tokenizer.json: model is null, expected a BPE'],
    ['the model is no BPE', { ...small, model: { ...model, type: 'Unigram' } }, {}, 'model type is "Unigram"'],
    [
      'a merge makes no token',
      { ...small, model: without('ab') },
      {},
      'merge is ["a","b"], expected tokens of the vocabulary: it lacks "ab"',
    ],
    ['a merge has an unknown part', { ...small, model: { ...model, merges: ['ab q̈'] } }, {}, 'it lacks "q̈"'],
    [
      'a merge has three parts',
      { ...small, model: { ...model, merges: ['a b a'] } },
      {},
      'merge is "a b a", expected two tokens',
    ],
    ['a merge is a number', { ...small, model: { ...model, merges: [1] } }, {}, 'merge is 1, expected two tokens'],
    ['a byte has no token', { ...small, model: { ...without('c') } }, {}, 'token of byte 99 is missing, expected "c"'],
    ['two tokens have one id', withVocab({ ba: AB }), {}, 'id 256 is ["ab","ba"], expected the id of one token'],
    ['a token has half a character', withVocab({ '\ud800': 300 }), {}, 'token is "\\ud800"'],
    ['a key is given twice', JSON.stringify(small).replace('"ab":256', '"ab":256,"ab":256'), {}, 'given twice'],
    ['dropout is on', { ...small, model: { ...model, dropout: 0.1 } }, {}, 'dropout is 0.1, expected null'],
    [
      'parts have a prefix',
      { ...small, model: { ...model, continuing_subword_prefix: '##' } },
      {},
      'continuing_subword_prefix is "##"',
    ],
    [
      'words have a suffix',
      { ...small, model: { ...model, end_of_word_suffix: '</w>' } },
      {},
      'end_of_word_suffix is "</w>"',
    ],
    ['the decoder is another one', { ...small, decoder: { type: 'WordPiece' } }, {}, 'decoder is "WordPiece"'],
    ['there are no added tokens', { ...small, added_tokens: undefined }, {}, 'added_tokens is missing'],
    ['an added token is empty', added({ id: 1, content: '' }), {}, 'added token is {"id":1'],
    ['an added token has no id', added({ content: 'x' }), {}, 'id of "x" is missing'],
    [
      'an added token has another id in the vocabulary',
      added({ ...words, content: 'ab' }),
      {},
      'id of "ab" is 258, expected 256',
    ],
    ['an added token has the id of another', added({ ...words, id: AB }), {}, 'id 256 is ["ab","two words"]'],
    ['two added tokens have one id', added(words, { ...words, content: 'x y' }), {}, 'id 258 is ["two words","x y"]'],
    ['an added token comes twice', added(words, words), {}, 'added token is "two words", expected each token once'],
    ['an added token takes spaces by half', added({ ...words, lstrip: 1 }), {}, 'lstrip of "two words" is 1'],
    [
      'an added token is a word by half',
      added({ ...words, single_word: 'x' }),
      {},
      'single_word of "two words" is "x"',
    ],
    ['an added token is special by half', added({ ...words, special: 1 }), {}, 'special of "two words" is 1'],
    ['an id is negative', withVocab({ x: -1 }), {}, 'id of "x" is -1'],
    ['an id is a fraction', withVocab({ x: 0.5 }), {}, 'id of "x" is 0.5'],
    ['an id is beyond 31 bits', withVocab({ x: 2 ** 31 }), {}, 'is 2147483648, expected'],
    ['the eos token is unknown', small, { eos_token: '</s>' }, 'tokenizer_config.json: eos_token is "</s>"'],
    ['the eos token is a number', small, { eos_token: 7 }, 'tokenizer_config.json: eos_token is 7'],
    [
      'the normalizer is unknown',
      { ...small, normalizer: { type: 'Lowercase' } },
      {},
      'normalizer is "Lowercase", expected one of NFC',
    ],
    ['there is no pre-tokenizer', { ...small, pre_tokenizer: null }, {}, 'pre_tokenizer is null, expected ByteLevel'],
    [
      'the pre-tokenizer is unknown',
      { ...small, pre_tokenizer: { type: 'Whitespace' } },
      {},
      'pre_tokenizer is "Whitespace"',
    ],
    [
      'bytes are split after all',
      { ...small, pre_tokenizer: { type: 'Sequence', pretokenizers: [bytes, bytes] } },
      {},
      'pre_tokenizer is "ByteLevel", expected Split or Digits',
    ],
    [
      'bytes may get a space or not',
      { ...small, pre_tokenizer: { type: 'ByteLevel' } },
      {},
      'add_prefix_space is missing',
    ],
    [
      'the decoder writes bytes and the pre-tokenizer does not',
      { ...small, pre_tokenizer: metaspace({}) },
      {},
      'pre_tokenizer is',
    ],
    ['characters have no bytes to fall back to', pieces({ model }), {}, 'byte_fallback is false, expected true'],
    [
      'a byte has no token to fall back to',
      pieces({ model: { ...model, byte_fallback: true } }),
      {},
      'expected "<0x00>"',
    ],
    [
      'a Metaspace is not alone',
      pieces({ pre_tokenizer: sequence([bytes, metaspace({})]) }),
      {},
      'pre_tokenizer is "Metaspace"',
    ],
    [
      'a Metaspace has no sign',
      pieces({ pre_tokenizer: metaspace({ replacement: 7 }) }),
      {},
      'replacement of "Metaspace" is 7',
    ],
    [
      'a Metaspace has two signs',
      pieces({ pre_tokenizer: metaspace({ replacement: '__' }) }),
      {},
      'replacement is "__"',
    ],
    [
      'a scheme is unknown',
      pieces({ pre_tokenizer: metaspace({ prepend_scheme: 'last' }) }),
      {},
      'prepend_scheme is "last"',
    ],
    [
      'a Metaspace contradicts itself',
      pieces({ pre_tokenizer: metaspace({ add_prefix_space: false }) }),
      {},
      'add_prefix_space is false, expected true with prepend_scheme always',
    ],
    ['a prefix is no text', { ...small, normalizer: { type: 'Prepend', prepend: 1 } }, {}, 'prepend of "Prepend" is 1'],
    [
      'a replacement has no pattern',
      { ...small, normalizer: { type: 'Replace', content: 'x' } },
      {},
      'pattern is missing, expected a Regex or a String',
    ],
    ['the unknown token is a number', { ...small, model: { ...model, unk_token: 7 } }, {}, 'unk_token is 7'],
    ['unknown letters are fused by half', { ...small, model: { ...model, fuse_unk: 1 } }, {}, 'fuse_unk is 1'],
    ['there is no decoder', { ...small, decoder: null }, {}, 'decoder is null, expected "ByteLevel"'],
    [
      'decoders come in another order',
      pieces({ decoder: decoders(['Fuse', 'ByteFallback']) }),
      {},
      'decoder is ["Fuse","By',
    ],
    [
      'a decoder takes off other signs',
      pieces({ decoder: stripping({ content: '_' }) }),
      {},
      'content of Strip is "_"',
    ],
    [
      'a decoder takes off at the end',
      pieces({ decoder: stripping({ stop: 1 }) }),
      {},
      'stop of Strip is 1, expected 0',
    ],
    ['a decoder takes off half a space', pieces({ decoder: stripping({ start: 0.5 }) }), {}, 'start of Strip is 0.5'],
    ['a template has no text', { ...small, post_processor: template([]) }, {}, 'single of TemplateProcessing is []'],
    [
      'a template has an unknown token',
      { ...small, post_processor: template([{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }]) },
      {},
      'single of TemplateProcessing is {"SpecialToken":{"id":"<s>"}}',
    ],
    [
      'a classifier has an unknown token',
      { ...small, post_processor: { type: 'BertProcessing', cls: ['<s>', 1], sep: ['a', A] } },
      {},
      'cls of post_processor is ["<s>",1]',
    ],
    ['the bos token is unknown', small, { bos_token: '<s>' }, 'tokenizer_config.json: bos_token is "<s>"'],
    ['a bos is added that no file names', small, { add_bos_token: true }, 'add_bos_token is true, expected false'],
    ['a bos is added by half', small, { add_bos_token: 1 }, 'add_bos_token is 1, expected true or false'],
    ['the post-processor is unknown', { ...small, post_processor: { type: 'X' } }, {}, 'post_processor is "X"'],
    [
      'matches are merged',
      splitBy({ Regex: 'a' }, { behavior: 'MergedWithNext' }),
      {},
      'behavior is "MergedWithNext", expected Isolated or Removed',
    ],
    ['a split has no pattern', splitBy('a'), {}, 'pattern is "a", expected a Regex or a String'],
    ...[
      'a++',
      '(?>a)',
      'a*?',
      '\\w',
      '\\bx',
      '(?<=a)b',
      '[a&&b]',
      '[[:alpha:]]',
      '\\p{Foo}',
      '(?i:ss)',
      '(?i:[st])',
      '(?i)a',
      'a{2}+',
      '(a',
      '^a',
      '(a)\\1',
    ].map((pattern): [string, unknown, unknown, string] => [
      `a pattern is ${pattern}`,
      splitBy({ Regex: pattern }),
      {},
      'tokenizer.json: pattern is',
    ]),
  ])('are refused in one line that names the file when %s', async ([, definition, config, message]) => {
    const error = await load(definition, config).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(TokenizerError);
    expect(String(error)).toContain(message);
    expect(String(error)).toContain(dir);
    expect(String(error)).not.toContain('\n');
    expect(String(error).length).toBeLessThan(dir.length + 350);
  });
});
