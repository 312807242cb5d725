// Unknown keys of an options object: refused by name, with the nearest known one.
import { expect, test } from 'vitest';
import { RangeValueError } from '../../src/util/errors.ts';
import { checkKeys, type KeyTable, nearestName } from '../../src/util/keys.ts';

interface Options {
  readonly maxTokens: number;
  readonly topK?: number | undefined;
}
const KEYS: KeyTable<Options> = { maxTokens: true, topK: true };

test('known keys pass, and so does leaving all out', () => {
  for (const value of [{}, { topK: 1 }, { maxTokens: undefined }, Object.create(null)]) {
    expect(() => checkKeys('options', value, KEYS)).not.toThrow();
  }
});

test('an unknown key is refused by name, with the nearest known one', () => {
  const message = 'key of options is "max_tokens", expected one of maxTokens, topK (did you mean "maxTokens"?)';
  expect(() => checkKeys('options', { max_tokens: 5 }, KEYS)).toThrow(message);
  expect(() => checkKeys('options', { colour: 5 }, KEYS)).toThrow(
    /^key of options is "colour", expected one of maxTokens, topK$/,
  );
  expect(() => checkKeys('options', Object.create({ topk: 5 }), KEYS)).toThrow(/^key of options is "topk"/);
  // Names of every object are no keys of a table.
  for (const key of ['__proto__', 'constructor', 'toString']) {
    const value = Object.defineProperty({}, key, { value: 1, enumerable: true });
    expect(() => checkKeys('options', value, KEYS)).toThrow(RangeValueError);
  }
});

test('anything that is no object is refused', () => {
  const lists = [[], new Map([['topK', 1]]), new Set(), new Float32Array(1)];
  for (const value of [undefined, null, 5, 'text', true, () => {}, ...lists]) {
    expect(() => checkKeys('options', value, KEYS)).toThrow(/^options is .*, expected an object$/);
  }
});

test('the nearest name is the one with the fewest edits, if few', () => {
  const known = ['temperature', 'topK', 'topP', 'seed'];
  expect(nearestName('temprature', known)).toBe('temperature');
  expect(nearestName('top_k', known)).toBe('topK');
  expect(nearestName('TOPP', known)).toBe('topP');
  expect(nearestName('sed', known)).toBe('seed');
  expect(nearestName('stop', known)).toBeUndefined();
  expect(nearestName('x'.repeat(1e6), known)).toBeUndefined();
});

test('a name with all words of another comes before one with fewer edits', () => {
  const known = ['--min-tokens', '--max-batch-tokens', '--max-new-tokens'];
  expect(nearestName('--max-tokens', known)).toBe('--max-new-tokens');
  expect(nearestName('--min-token', known)).toBe('--min-tokens');
  expect(nearestName('--tokens-max', known)).toBeUndefined();
});
