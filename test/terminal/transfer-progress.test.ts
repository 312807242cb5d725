// The line of a transfer, by a clock of the test.
import { expect, test } from 'vitest';
import { TransferProgress } from '../../src/terminal/transfer-progress.ts';

const MIB = 2 ** 20;

test('a line has the bytes, and after a second the rate of those that came and the time that the others take', () => {
  let now = 5000;
  const progress = new TransferProgress(() => now);
  const at = (time: number, done: number) => {
    now = 5000 + time;
    return progress.describe(done * MIB, 10 * MIB);
  };
  expect(at(0, 2)).toBe('2.0 MiB of 10.0 MiB');
  expect(at(99, 3)).toBeNull();
  expect(at(100, 3)).toBe('3.0 MiB of 10.0 MiB');
  expect(at(2000, 6)).toBe('6.0 MiB of 10.0 MiB · 2.0 MiB/s · 2 s left'); // 4 MiB came: 2 were there
});

test('nothing that comes has no rate', () => {
  let now = 0;
  const progress = new TransferProgress(() => now);
  progress.describe(0, MIB);
  now = 9000;
  expect(progress.describe(0, MIB)).toBe('0 B of 1.0 MiB');
});
