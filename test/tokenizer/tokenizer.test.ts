// Tokenizers against goldens of Hugging Face: ids and texts are equal.
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkVocabSize, Tokenizer, VocabSizeError } from '../../src/tokenizer/tokenizer.ts';

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

  test('refuses values that are no text, no list of ids or no option', () => {
    const call = (method: 'encode' | 'decode', ...args: unknown[]) => {
      return () => Reflect.apply(tales[method], tales, args);
    };
    for (const text of [undefined, null, 5, ['a']])
      expect(call('encode', text)).toThrow(/^text is .*, expected a text$/);
    expect(call('encode', 'a', { parse_special: false })).toThrow(/did you mean "parseSpecial"/);
    expect(call('encode', 'a', { parseSpecial: 1 })).toThrow('parseSpecial is 1, expected true or false');
    const options = { skipSpecialTokens: true };
    for (const ids of [undefined, '12', [1.5], ['1'], [[1]], Array(1)]) {
      expect(call('decode', ids, options)).toThrow(/^ids is .*, expected a list of integers$/);
    }
    expect(call('decode', [1])).toThrow('options of decode is undefined, expected an object');
    expect(call('decode', [1], {})).toThrow('skipSpecialTokens is undefined, expected true or false');
    expect(call('decode', [1], { skipSpecial: true })).toThrow(/^key of options of decode is "skipSpecial"/);
  });

  test('gives no text for ids that no token has', () => {
    expect(tales.decode([8192, -1, 1e9], { skipSpecialTokens: false })).toBe('');
  });
});

test('a tokenizer is refused where its merges make more ids than the model has', () => {
  expect(() => checkVocabSize(tales, 8192, 'tokenizer.json')).not.toThrow();
  expect(() => checkVocabSize(tales, 50257, 'tokenizer.json')).not.toThrow();
  expect(() => checkVocabSize(tales, 8191, 'tokenizer.json')).not.toThrow(); // the last token is an added one
  const refused = new VocabSizeError('tokenizer.json', 8191, 8190);
  expect(() => checkVocabSize(tales, 8190, 'tokenizer.json')).toThrow(refused);
  expect(refused).toMatchObject({ tokenizerVocabSize: 8191, modelVocabSize: 8190 });
});
