// Grouping of texts into forward passes, against a table.
import { expect, test } from 'vitest';
import { groupTexts } from '../../src/research/group-texts.ts';

const lengthsOf = (lengths: readonly number[], maxTexts: number, maxTokens: number) =>
  groupTexts(
    lengths.map((length) => ({ length })),
    ({ length }) => length,
    { maxTexts, maxTokens },
  ).map((group) => group.map(({ length }) => length));

test.each([
  { lengths: [], want: [] },
  { lengths: [1], want: [[1]] },
  { lengths: [5, 5], want: [[5, 5]] },
  { lengths: [5, 6], want: [[5], [6]] },
  { lengths: [10, 1], want: [[10], [1]] },
  { lengths: [9, 1], want: [[9, 1]] },
  { lengths: [1, 1, 1, 1, 1, 1, 1], want: [[1, 1, 1], [1, 1, 1], [1]] },
])('texts of $lengths tokens, three and ten tokens at most, run as $want', ({ lengths, want }) => {
  expect(lengthsOf(lengths, 3, 10)).toEqual(want);
});
