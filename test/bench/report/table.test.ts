// Rows of printed tables: alignment and the end of a line.
import { expect, test } from 'vitest';
import { formatRow } from '../../../bench/report/table.ts';

test('aligns to the left, to the right where a width is negative, and ends a line without a space', () => {
  expect(formatRow(['ab', 'cd', 'ef'], [4, -4, 4])).toBe('ab     cd ef');
  expect(formatRow(['longer', 'b', ''], [4, -2])).toBe('longer  b');
});
