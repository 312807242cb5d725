// Long texts are encoded in slices: with the ids of `encode`, and with turns of the event loop in between, whatever the text is made of.
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';

const LENGTH = 6000;
/** Texts of ordinary words, of a single word, of white space, of characters of several bytes, and of special tokens. */
const texts: Record<string, string> = {
  words: 'Once upon a time there was a king. '.repeat(LENGTH / 35),
  'one word': 'ab'.repeat(LENGTH / 2),
  spaces: ' '.repeat(LENGTH),
  'other scripts': '🦊é漢 '.repeat(LENGTH / 5),
  'special tokens': 'a<|endoftext|>'.repeat(LENGTH / 14),
};

/** Tokenizers with byte-level words, and with a whole text as one word. */
const directories = ['weights/tales', 'weights/gpt2'];
let tokenizers: Map<string, Tokenizer>;
beforeAll(async () => {
  tokenizers = new Map();
  for (const directory of directories) tokenizers.set(directory, await Tokenizer.load(directory));
});

describe.each(directories)('the tokenizer of %s', (directory) => {
  test.each(Object.keys(texts))('gives %s the ids of encode, with turns in between', async (name) => {
    const tokenizer = tokenizers.get(directory)!;
    const text = texts[name]!;
    // A clock that each look moves by a millisecond: a slice is a few steps.
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now++);
    let [numTurns, isDone] = [0, false];
    const loop = (async () => {
      for (; !isDone; await setImmediate()) numTurns++;
    })();
    const [ids, plain] = await Promise.all([
      tokenizer.encodeAsync(text),
      tokenizer.encodeAsync(text, { parseSpecial: false, addSpecial: true }),
    ]);
    isDone = true;
    await loop;
    vi.restoreAllMocks();
    expect(ids).toEqual(tokenizer.encode(text));
    expect(plain).toEqual(tokenizer.encode(text, { parseSpecial: false, addSpecial: true }));
    if (name !== 'special tokens') expect(numTurns).toBeGreaterThan(4);
  });
});

test('short texts, and refusals, need no turn', async () => {
  const tokenizer = tokenizers.get('weights/tales')!;
  expect(await tokenizer.encodeAsync('The old king')).toEqual(tokenizer.encode('The old king'));
  await expect(Reflect.apply(tokenizer.encodeAsync, tokenizer, [7])).rejects.toThrow('text is 7, expected a text');
  await expect(Reflect.apply(tokenizer.encodeAsync, tokenizer, ['a', { special: true }])).rejects.toThrow(
    'key of options of encode is "special"',
  );
  await expect(Tokenizer.idsOnly(9).encodeAsync('a')).rejects.toThrow('tokenizer.json');
});
