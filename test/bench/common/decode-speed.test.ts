// Decode speed of sequences whose ids have given times.
import { expect, test } from 'vitest';
import { decodeSpeed } from '../../../bench/common/decode-speed.ts';

test('decodeSpeed counts ids after the first of each sequence, between the first and the last of all', () => {
  expect(decodeSpeed([{ ids: [1, 2, 3], times: [1000, 1500, 2000] }])).toBe(2);
  const batch = [
    { ids: [1, 2], times: [1000, 2000] },
    { ids: [1, 2], times: [1500, 3000] },
  ];
  expect(decodeSpeed(batch)).toBe(1);
  expect(decodeSpeed([{ ids: [1, 2], times: [5, 5] }])).toBeNull();
  expect(decodeSpeed([{ ids: [1], times: [5] }])).toBeNull();
  expect(decodeSpeed([])).toBeNull();
});
