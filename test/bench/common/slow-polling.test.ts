// Slow polls: `setImmediate` has a stand-in while a software adapter is measured, and never while a GPU is.
import { expect, test } from 'vitest';
import { pollSlowly } from '../../../bench/common/slow-polling.ts';

test.each([
  { isSoftware: true, own: false },
  { isSoftware: false, own: true },
])('with isSoftware $isSoftware, work runs with the real setImmediate: $own', async ({ isSoftware, own }) => {
  const { setImmediate } = globalThis;
  const isOwn = await pollSlowly({ isSoftware }, () => Promise.resolve(globalThis.setImmediate === setImmediate));
  expect(isOwn).toBe(own);
  expect(globalThis.setImmediate).toBe(setImmediate);
});
