// The flat arrays of a step against tables written by hand, row by row; planBatch is pure, so no device is needed.
import { describe, expect, test } from 'vitest';
import { type BatchRow, planBatch } from '../../src/core/plan-batch.ts';

const params = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };
const plain = { adjustment: null, logprobs: null };

function row(fields: Partial<BatchRow> & { promptIds?: number[]; ids?: number[]; seed?: number }): BatchRow {
  const { promptIds = [10, 11, 12, 13, 14], ids = [], seed = 0, ...rest } = fields;
  return {
    sequence: { promptIds, ids, params: { ...params, seed } },
    start: 0,
    numTokens: 1,
    samples: true,
    tokenSlot: 0,
    blockTable: [0],
    ...rest,
  };
}

describe('planBatch', () => {
  test('lists tokens that score their prompts, with the ids that follow them, in the order of its rows', () => {
    const chunk = row({
      start: 1,
      numTokens: 3,
      samples: false,
      blockTable: [0, 1],
      scored: { start: 2, end: 4, numTop: 3 },
    });
    const decode = row({ promptIds: [20, 21], ids: [22], start: 2, blockTable: [2] });
    const single = row({
      promptIds: [30, 31, 32],
      start: 1,
      samples: false,
      blockTable: [3],
      scored: { start: 1, end: 2, numTop: 0 },
    });
    const { plan, scored } = planBatch([chunk, decode, single], { blockSize: 4 });
    // Tokens: decode 2, single 1, chunk 1 to 3.
    expect(plan.scored).toEqual({
      rows: Int32Array.of(1, 3, 4),
      targets: Int32Array.of(32, 13, 14),
      numTop: Int32Array.of(0, 3, 3),
    });
    expect(scored).toEqual([single, chunk]);
    expect(planBatch([decode], { blockSize: 4 })).toMatchObject({
      plan: expect.not.objectContaining({ scored: expect.anything() }),
      scored: [],
    });
  });

  test('has the masks of constrained rows that sample, and refuses one whose mask is not there', () => {
    const ruled = (allowed: { words: Uint32Array; isComplete: boolean } | null, samples = true) => {
      const { sequence, ...rest } = row({ start: 4, samples });
      return { ...rest, sequence: { ...sequence, constraint: { allowed } } };
    };
    const words = Uint32Array.of(5);
    const open = row({ start: 4 });
    const { plan } = planBatch([ruled({ words, isComplete: false }), open, ruled(null, false)], { blockSize: 8 });
    expect(plan.samplingRows.map(({ mask }) => mask)).toEqual([words, undefined]);
    expect(plan.samplingRows[1]).not.toHaveProperty('mask');
    const refusal = 'mask of a constrained row is null, expected the ids that it allows';
    expect(() => planBatch([open, ruled(null)], { blockSize: 8 })).toThrow(refusal);
  });

  test('lays out prefill, chunk and decode rows as the table says', () => {
    const prefill = row({ numTokens: 5, tokenSlot: 2, blockTable: [7, 3], seed: 21 });
    const decode = row({ promptIds: [20, 21], ids: [22, 23], start: 3, tokenSlot: 0, blockTable: [1], seed: 22 });
    const chunk = row({
      promptIds: [30, 31, 32, 33, 34, 35, 36, 37, 38, 39],
      start: 4,
      numTokens: 3,
      samples: false,
      tokenSlot: 1,
      blockTable: [5, 0],
      seed: 23,
    });
    const pending = row({ promptIds: [40, 41, 42], ids: [43], start: 4, tokenSlot: 3, blockTable: [2, 6], seed: 24 });

    const { plan, sampled } = planBatch([prefill, decode, chunk, pending], { blockSize: 4 });

    expect(plan).toEqual({
      numTokens: 10,
      numSequences: 4,
      numDecodeTokens: 2,
      //                          decode  pending  prefill                  chunk
      tokenIds: Int32Array.of(23, -1 - 3, 10, 11, 12, 13, 14, 34, 35, 36),
      positions: Int32Array.of(3, 4, 0, 1, 2, 3, 4, 4, 5, 6),
      slotMapping: Int32Array.of(7, 24, 28, 29, 30, 31, 12, 0, 1, 2),
      sequenceIndex: Int32Array.of(0, 1, 2, 2, 2, 2, 2, 3, 3, 3),
      queryStartLoc: Int32Array.of(0, 1, 2, 7, 10),
      contextLens: Int32Array.of(4, 5, 5, 7),
      blockTables: Int32Array.of(1, -1, 2, 6, 7, 3, 5, 0),
      maxBlocks: 2,
      logitsRows: Int32Array.of(0, 1, 6),
      samplingRows: [
        { ...params, ...plain, seed: 22, position: 4, tokenSlot: 0 },
        { ...params, ...plain, seed: 24, position: 5, tokenSlot: 3 },
        { ...params, ...plain, seed: 21, position: 5, tokenSlot: 2 },
      ],
    });
    expect(sampled).toEqual([decode, pending, prefill]);
    expect(sampled[2]).toBe(prefill);
  });

  test('needs the next block exactly when a position passes the end of one', () => {
    const last = planBatch([row({ start: 3, numTokens: 1, blockTable: [9] })], { blockSize: 4 }).plan;
    expect([...last.slotMapping]).toEqual([39]);
    const first = row({ start: 4, numTokens: 1, blockTable: [9, 2] });
    expect([...planBatch([first], { blockSize: 4 }).plan.slotMapping]).toEqual([8]);
    expect(() => planBatch([{ ...first, blockTable: [9] }], { blockSize: 4 })).toThrow(
      'block table length is 1, expected at least 2 for 5 tokens',
    );
  });

  test('copies no more of a block table than the row covers', () => {
    const { plan } = planBatch([row({ numTokens: 2, blockTable: [4, 5, 6] }), row({ blockTable: [8, 9] })], {
      blockSize: 2,
    });
    expect(plan.maxBlocks).toBe(1);
    expect([...plan.blockTables]).toEqual([8, 4]);
  });

  test('puts a prompt of one token among the decode rows and keeps their order', () => {
    const rows = [row({ numTokens: 2, tokenSlot: 0 }), row({ tokenSlot: 1 }), row({ tokenSlot: 2, promptIds: [50] })];
    const { plan } = planBatch(rows, { blockSize: 4 });
    expect(plan.numDecodeTokens).toBe(2);
    expect(plan.samplingRows.map((sampling) => sampling.tokenSlot)).toEqual([1, 2, 0]);
    expect([...plan.tokenIds]).toEqual([10, 50, 10, 11]);
  });

  test('recomputes generated ids after the prompt', () => {
    const { plan } = planBatch([row({ promptIds: [1, 2], ids: [3, 4, 5], numTokens: 5, blockTable: [0, 1] })], {
      blockSize: 4,
    });
    expect([...plan.tokenIds]).toEqual([1, 2, 3, 4, 5]);
    expect(plan.samplingRows[0]?.position).toBe(5);
  });

  test('plans an empty step', () => {
    const { plan, sampled } = planBatch([], { blockSize: 4 });
    expect(plan).toMatchObject({ numTokens: 0, numSequences: 0, maxBlocks: 1 });
    expect([...plan.queryStartLoc]).toEqual([0]);
    expect(sampled).toEqual([]);
  });

  test('adjusts logits by the tokens in front of the sampled one, and takes the newest from its slot when it is pending', () => {
    const penalized = { ...params, repetitionPenalty: 2, frequencyPenalty: 1 };
    const sequence = { promptIds: [7, 8], ids: [8], params: penalized };
    const rows = [2, 3].map((start) => ({ ...row({ start, tokenSlot: 5 }), sequence }));
    const [known, pending] = planBatch(rows, { blockSize: 4 }).plan.samplingRows.map(({ adjustment }) => adjustment);
    expect(known?.tokens.map(({ id, outputCount }) => [id, outputCount])).toEqual([
      [7, 0],
      [8, 1],
    ]);
    expect(known?.newestTokenSlot).toBe(null);
    expect(pending).toEqual({ ...known, newestTokenSlot: 5 });
  });

  test('carries every sampling parameter of a row', () => {
    const sampling = { temperature: 0.7, topK: 5, topP: 0.9, minP: 0.1, seed: 2 ** 53 - 1, logprobs: 3 };
    const { plan } = planBatch([{ ...row({}), sequence: { promptIds: [1], ids: [], params: sampling } }], {
      blockSize: 4,
    });
    expect(plan.samplingRows).toEqual([{ ...sampling, position: 1, tokenSlot: 0, adjustment: null }]);
  });
});
