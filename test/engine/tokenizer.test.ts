import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkVocabSize, Tokenizer, VocabSizeError } from '../../src/engine/tokenizer.ts';
import { TokenizerError } from '../../src/engine/tokenizer-files.ts';

const FIXTURES = 'test/fixtures/gpt2-tokenizer';
const EOS = '<|endoftext|>';

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8'));
}

let gpt2: Tokenizer;
let tales: Tokenizer;

beforeAll(async () => {
  gpt2 = await Tokenizer.load('weights/gpt2');
  tales = await Tokenizer.load('weights/tales');
});

describe('GPT-2', () => {
  test('encodes every golden text to the golden ids', async () => {
    const cases = await readJson<{ text: string; ids: number[] }[]>(`${FIXTURES}/encode.json`);
    expect(cases.length).toBeGreaterThan(200);
    for (const { text, ids } of cases) expect(gpt2.encode(text), JSON.stringify(text)).toEqual(ids);
  });

  test('decodes all golden ids to the golden text, special tokens skipped or kept', async () => {
    const cases = await readJson<{ ids: number[]; text: string; text_with_special: string }[]>(
      `${FIXTURES}/decode.json`,
    );
    expect(cases.length).toBeGreaterThan(50);
    for (const { ids, text, text_with_special } of cases) {
      expect(gpt2.decode(ids, { skipSpecialTokens: true }), String(ids)).toBe(text);
      expect(gpt2.decode(ids, { skipSpecialTokens: false }), String(ids)).toBe(text_with_special);
    }
  });

  test('has 50257 tokens, the last one special and the end of a text', () => {
    expect(gpt2.vocabSize).toBe(50257);
    expect(gpt2.eosIds).toEqual([50256]);
    expect(gpt2.isSpecial(50256)).toBe(true);
    expect(gpt2.isSpecial(50255)).toBe(false);
  });

  test('reads the spelling of a special token as that token unless told not to', () => {
    expect(gpt2.encode(`x${EOS}y`)).toEqual([87, 50256, 88]);
    const ids = gpt2.encode(`x${EOS}y`, { parseSpecial: false });
    expect(ids).not.toContain(50256);
    expect(gpt2.decode(ids, { skipSpecialTokens: true })).toBe(`x${EOS}y`);
  });

  test('leaves spaces before punctuation alone', () => {
    const text = " do n't , you 've ? ' x ' .";
    expect(gpt2.decode(gpt2.encode(text), { skipSpecialTokens: true })).toBe(text);
  });
});

describe('tales', () => {
  test('gets any text back from its ids', () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(text, (text) => {
        expect(tales.decode(tales.encode(text), { skipSpecialTokens: false })).toBe(text);
      }),
      { seed: 1, examples: [[''], ['\ufeffmark'], [`a ${EOS}\n\n b`], ['Once upon a time — “there” was 狐🦊.']] },
    );
  });

  test('has token bytes that join to the bytes of the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const bytes = tales.encode(text).flatMap((id) => [...tales.tokenBytes(id)]);
        expect(bytes).toEqual([...new TextEncoder().encode(text)]);
      }),
      { seed: 2 },
    );
  });

  test('has a token of one byte for each of the 256 bytes', () => {
    const ids = Array.from({ length: tales.vocabSize }, (_, id) => id);
    const single = ids.map((id) => tales.tokenBytes(id)).filter((bytes) => bytes.length === 1);
    expect(single.map((bytes) => bytes[0] ?? -1).sort((a, b) => a - b)).toEqual(ids.slice(0, 256));
  });

  test('gives no text for ids that no token has', () => {
    expect(tales.decode([8192, -1, 1e9], { skipSpecialTokens: false })).toBe('');
  });
});

test('a tokenizer is refused where its merges make more ids than the model has', () => {
  expect(() => checkVocabSize(tales, 8192)).not.toThrow();
  expect(() => checkVocabSize(tales, 50257)).not.toThrow();
  expect(() => checkVocabSize(tales, 8191)).not.toThrow(); // the last token is an added one
  const refused = new VocabSizeError(8191, 8190);
  expect(() => checkVocabSize(tales, 8190)).toThrow(refused);
  expect(refused).toMatchObject({ tokenizerVocabSize: 8191, modelVocabSize: 8190 });
});

describe('tokenizer files', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tokenizer-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  /** A byte-level BPE of three tokens; a test changes what it is about. */
  const small = {
    added_tokens: [{ id: 3, content: 'two words', special: false }] as unknown,
    normalizer: null as unknown,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false },
    post_processor: null,
    decoder: { type: 'ByteLevel' } as unknown,
    model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']] } as unknown,
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
    expect(tokenizer.encode('abba')).toEqual([2, 1, 0]);
  });

  test('need no tokenizer_config.json', async () => {
    expect((await load(small, null)).eosIds).toEqual([]);
  });

  test('may give the eos token as an object', async () => {
    expect((await load(small, { eos_token: { content: 'two words' } })).eosIds).toEqual([3]);
  });

  test('may add tokens that the byte alphabet cannot write', async () => {
    const tokenizer = await load(small);
    expect(tokenizer.encode('atwo wordsab')).toEqual([0, 3, 2]);
    expect(tokenizer.decode([0, 3, 2], { skipSpecialTokens: true })).toBe('atwo wordsab');
    expect(tokenizer.vocabSize).toBe(4);
  });

  const bpe = { type: 'BPE', merges: [] };
  test.for<[string, unknown, unknown, string]>([
    ['tokenizer.json is missing', null, {}, 'tokenizer.json: file is missing'],
    ['tokenizer.json is cut short', '{\n"model"', {}, 'tokenizer.json: file is not JSON'],
    ['tokenizer_config.json is a list', small, [], 'tokenizer_config.json: file is [], expected a JSON object'],
    ['there is no model', { ...small, model: null }, {}, 'tokenizer.json: model is null, expected byte-level BPE'],
    ['the decoder is another one', { ...small, decoder: { type: 'WordPiece' } }, {}, 'decoder is "WordPiece"'],
    ['there are no added tokens', { ...small, added_tokens: undefined }, {}, 'added_tokens is missing'],
    ['an added token is empty', { ...small, added_tokens: [{ id: 1, content: '' }] }, {}, 'added token is {"id":1'],
    ['an added token has no id', { ...small, added_tokens: [{ content: 'x' }] }, {}, 'id of "x" is missing'],
    ['an id is negative', { ...small, model: { ...bpe, vocab: { a: -1 } } }, {}, 'id of "a" is -1'],
    ['an id is a fraction', { ...small, model: { ...bpe, vocab: { a: 0.5 } } }, {}, 'id of "a" is 0.5'],
    ['an id is beyond 31 bits', { ...small, model: { ...bpe, vocab: { a: 2 ** 31 } } }, {}, 'is 2147483648, expected'],
    ['the eos token is unknown', small, { eos_token: '</s>' }, 'tokenizer_config.json: eos_token is "</s>"'],
    ['a part is unknown', { ...small, normalizer: { type: 'X' } }, {}, 'tokenizer is refused (Error: Unknown'],
  ])('are refused in one line that names the file when %s', async ([, definition, config, message]) => {
    const error = await load(definition, config).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(TokenizerError);
    expect(String(error)).toContain(message);
    expect(String(error)).toContain(dir);
    expect(String(error)).not.toContain('\n');
  });
});
