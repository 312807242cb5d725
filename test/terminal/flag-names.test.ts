// Messages of the library retold for a command line: parameters become the flags that set them.
import { expect, test } from 'vitest';
import { nameFlags } from '../../src/terminal/flag-names.ts';
import { RangeValueError } from '../../src/util/errors.ts';

const all = {
  'max-new-tokens': {},
  'max-batch-tokens': {},
  'max-batch-size': {},
  'num-blocks': {},
  'top-p': {},
  'top-k': {},
};

test.each([
  [new RangeValueError('maxTokens', 0, 'an integer ≥ 1').message, '--max-new-tokens is 0, expected an integer ≥ 1'],
  [
    'maxBatchTokens is 4, expected at least maxBatchSize, 8',
    '--max-batch-tokens is 4, expected at least --max-batch-size, 8',
  ],
  ['numBlocks is 5, expected 6', '--num-blocks is 5, expected 6'],
  ['stop[0] is "topP topK"', 'stop[0] is "topP topK"'],
  ['dir/maxTokens.json: x.maxTokens is missing', 'dir/maxTokens.json: x.maxTokens is missing'],
  ['constructor is toString', 'constructor is toString'],
])('%j reads %j on a command line', (message, want) => {
  expect(nameFlags(message, all)).toBe(want);
});

test('a parameter without a flag of the command is named in words', () => {
  const message = 'prompt length is 9, expected at most 7, for maxModelLen 8 and one token to generate';
  expect(nameFlags(message, {})).toBe(message.replace('maxModelLen', 'the context'));
});
