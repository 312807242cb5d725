// Contents that decide how long kernels take: every index that a workload makes lies within its tensor, and the cost of
// attention is that of its keys, one by one.
import { describe, expect, test } from 'vitest';
import { NO_WINDOW } from '../../src/kernels/attention/attention.ts';
import { attentionCost, attentionSplitWorkloads } from '../../src/kernels/attention/workload.ts';
import { embedWorkloads } from '../../src/kernels/embed/workload.ts';
import { blockTablesOf, positionsOf, sequenceIndexOf, slotsOf } from '../../src/kernels/step-tokens.ts';
import { workloadsOf } from '../../src/kernels/workloads.ts';

const [G, D] = [3, 16];

test.each([
  [
    { sequences: 4, queries: 1, context: 70 },
    { ROWS: 1, SHARE: 1, tileTokens: 1, window: NO_WINDOW },
  ],
  [
    { sequences: 2, queries: 1, context: 70 },
    { ROWS: 4, SHARE: 7, tileTokens: 1, window: 40 },
  ],
  [
    { sequences: 1, queries: 37, context: 37 },
    { ROWS: 2, SHARE: 1, tileTokens: 8, window: NO_WINDOW },
  ],
  [
    { sequences: 2, queries: 10, context: 25 },
    { ROWS: 8, SHARE: 3, tileTokens: 8, window: 9 },
  ],
])('the cost of attention over %j in tiles of %j is that of its keys, one by one', (step, sizes) => {
  const { ROWS, SHARE, tileTokens, window } = sizes;
  const { sequences, queries, context } = step;
  const [words, rowWords] = [2 * D, 2 * G * D];
  let visible = 0;
  const fromMemory = new Set<number>();
  const byWorkgroup = new Set<string>();
  for (let query = 0; query < queries; query++) {
    const position = context - queries + query;
    for (let head = 0; head < SHARE; head++) {
      const row = (query % tileTokens) * SHARE + head;
      const workgroup = `${Math.floor(query / tileTokens)} ${Math.floor(row / ROWS)}`;
      for (let key = Math.max(0, position - window + 1); key <= position; key++) {
        visible++;
        fromMemory.add(key);
        byWorkgroup.add(`${workgroup} ${key}`);
      }
    }
  }
  expect(attentionCost({ G, D, W: D, ...sizes }, step)).toEqual({
    bytes: 4 * sequences * (fromMemory.size * rowWords + queries * SHARE * rowWords),
    loads: sequences * byWorkgroup.size * G * words,
    flops: sequences * visible * G * (2 * D + 2 * D),
  });
});

test('splits cost what they leave for the fold, too', () => {
  const step = { sequences: 4, queries: 1, context: 600 };
  const sizes = { G, D, W: D, ROWS: 1, SHARE: 2, tileTokens: 1, window: NO_WINDOW };
  const dims = {
    ...sizes,
    T: 4,
    O: 4 * G * D,
    B: 1,
    P: 16,
    Q: 4,
    S: 4,
    A: 38,
    U: 4,
    Z: 3,
    KEYS: 32,
    LANES: 8,
    LOADS: 1,
    SPLIT_KEYS: 256,
    GROUP_KEYS: 0,
  };
  const { bytes = 0 } =
    attentionSplitWorkloads.cost?.({ ...dims, count: 4, splits: 3, first: 0, scale: 1 }, step) ?? {};
  expect(bytes - attentionCost(sizes, step).bytes).toBe(4 * (4 * 2 * G * 3 * (D + 2)));
});

describe('the tokens of a step', () => {
  const step = { sequences: 3, queries: 2, context: 21 };
  const P = 8;

  test('are the last of their sequences, in slots of their own', () => {
    expect([...positionsOf(step)]).toEqual([19, 20, 19, 20, 19, 20]);
    expect([...sequenceIndexOf(step)]).toEqual([0, 0, 1, 1, 2, 2]);
    expect([...blockTablesOf(step, { B: 9, P })]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...slotsOf(step, { B: 9, P })]).toEqual([19, 20, 43, 44, 67, 68]);
  });

  test('take turns with the blocks of a cache that is too small', () => {
    expect([...blockTablesOf(step, { B: 4, P })]).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0]);
    expect([...slotsOf(step, { B: 4, P })].every((slot) => slot < 4 * P)).toBe(true);
  });
});

test('ids are of the range of the vocabulary that is bound, and differ', () => {
  const dims = { T: 256, C: 8, N: 1000, X: 1, Y: 256, first: 500 };
  const [workload] = embedWorkloads.list({ dims, use: null }, { sequences: 1, queries: 256, context: 256 });
  const variant = { conditions: {}, constants: {}, overrides: {} };
  const { token_ids = new Int32Array() } = workload!.inputs(variant).data;
  expect(new Set(token_ids).size).toBe(256);
  expect(Array.from(token_ids).every((id) => id >= 500 && id < 1500)).toBe(true);
});

test('a kernel without a workload has one of any numbers', () => {
  const dispatch = { dims: {}, use: null };
  const [workload, ...others] = workloadsOf('abacus').list(dispatch, { sequences: 1, queries: 1, context: 1 });
  expect(others).toEqual([]);
  expect(workload!.name).toBeNull();
  expect(workload!.inputs({ conditions: {}, constants: {}, overrides: {} })).toEqual({ data: {} });
});
