// Grouping of texts into forward passes, against a table.
import { expect, test } from 'vitest';
import { groupTexts } from '../../src/research/group-texts.ts';

const lengthsOf = (lengths: readonly number[], maxTexts: number, maxTokens: number) =>
  groupTexts(
    lengths.map((length) => Array(length).fill(0)),
    { maxTexts, maxTokens },
  ).map((group) => group.map(({ length }) => length));

test.each([
  { lengths: [], want: [] },
  { lengths: [2], want: [[2]] },
  // Of a text all but the last id are inputs.
  { lengths: [6, 6], want: [[6, 6]] },
  { lengths: [6, 7], want: [[6], [7]] },
  { lengths: [11, 2], want: [[11], [2]] },
  { lengths: [10, 2], want: [[10, 2]] },
  { lengths: [2, 2, 2, 2, 2, 2, 2], want: [[2, 2, 2], [2, 2, 2], [2]] },
])('texts of $lengths ids, three and ten inputs at most, run as $want', ({ lengths, want }) => {
  expect(lengthsOf(lengths, 3, 10)).toEqual(want);
});
