// Entries of a row's logits adjustment against tables written by hand: a function of its ids and parameters alone.
import { describe, expect, test } from 'vitest';
import { adjustmentOf } from '../../src/core/logits-adjustment.ts';

const sequence = { promptIds: [3, 4, 4], ids: [4, 9, 9], eosIds: [1] };
const TOKEN_SLOT = 6;

/** Tokens by id of the row that samples after `numTokens` tokens. */
function tokensOf(params: Parameters<typeof adjustmentOf>[0]['params'], numTokens = 6) {
  const adjustment = adjustmentOf({ ...sequence, params }, numTokens, TOKEN_SLOT);
  return adjustment && Object.fromEntries(adjustment.tokens.map(({ id, ...token }) => [id, token]));
}

const untouched = { bias: 0, isSeen: false, outputCount: 0, isMasked: false };

describe('the adjustment of a row', () => {
  test('is none for parameters that are off', () => {
    const off = { repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0, logitBias: {}, minTokens: 0 };
    expect(tokensOf({})).toBe(null);
    expect(tokensOf({ ...off, stopTokenIds: [5], ignoreEos: false })).toBe(null);
  });

  test('has the repetition penalty for prompt and output, and no counts', () => {
    const seen = { ...untouched, isSeen: true };
    expect(tokensOf({ repetitionPenalty: 1.1 })).toEqual({ 3: seen, 4: seen, 9: seen });
  });

  test.each([{ presencePenalty: 0.5 }, { frequencyPenalty: -0.5 }])('counts the output alone for %j', (params) => {
    expect(tokensOf(params)).toEqual({ 4: { ...untouched, outputCount: 1 }, 9: { ...untouched, outputCount: 2 } });
  });

  test('puts all adjustments of one id together', () => {
    const params = {
      repetitionPenalty: 2,
      presencePenalty: 1,
      logitBias: { 9: 3, 5: -1 },
      minTokens: 4,
      stopTokenIds: [9],
    };
    expect(tokensOf(params)).toEqual({
      1: { ...untouched, isMasked: true },
      3: { ...untouched, isSeen: true },
      4: { ...untouched, isSeen: true, outputCount: 1 },
      5: { ...untouched, bias: -1 },
      9: { bias: 3, isSeen: true, outputCount: 2, isMasked: true },
    });
  });

  test('masks the eos and stop ids until minTokens ids are there, pending ones counted', () => {
    const params = { minTokens: 4, stopTokenIds: [8] };
    const masked = { ...untouched, isMasked: true };
    for (const numTokens of [3, 6]) expect(tokensOf(params, numTokens)).toEqual({ 1: masked, 8: masked });
    expect(tokensOf(params, 7)).toBe(null);
  });

  test('masks no end where a constraint leaves nothing else', () => {
    const params = { minTokens: 5, stopTokenIds: [8], logitBias: { 1: 2 } };
    const tokensUnder = (isComplete: boolean) => {
      const constraint = { allowed: { words: Uint32Array.of(2), isComplete } };
      return adjustmentOf({ ...sequence, params, constraint }, 6, TOKEN_SLOT)?.tokens.map(({ id, isMasked }) => [
        id,
        isMasked,
      ]);
    };
    expect(tokensUnder(true)).toEqual([[1, false]]);
    expect(tokensUnder(false)).toEqual([
      [1, true],
      [8, true],
    ]);
  });

  test('masks every eos, each once', () => {
    const masked = { ...untouched, isMasked: true };
    const adjustment = adjustmentOf(
      { ...sequence, eosIds: [1, 8, 2], params: { minTokens: 9, stopTokenIds: [8] } },
      6,
      0,
    );
    const byId = Object.fromEntries((adjustment?.tokens ?? []).map(({ id, ...token }) => [id, token]));
    expect(byId).toEqual({ 1: masked, 2: masked, 8: masked });
    expect(adjustment?.tokens).toHaveLength(3);
  });

  test('leaves an eos that ends nothing unmasked', () => {
    expect(tokensOf({ minTokens: 9, ignoreEos: true })).toBe(null);
    expect(adjustmentOf({ ...sequence, eosIds: [], params: { minTokens: 9 } }, 6, 0)).toBe(null);
  });

  test('names the slot of a newest id that is not on the host, if a penalty needs it', () => {
    const slotOf = (params: object, numTokens: number) =>
      adjustmentOf({ ...sequence, params }, numTokens, TOKEN_SLOT)?.newestTokenSlot;
    const penalties = [{ repetitionPenalty: 0.9 }, { presencePenalty: 0.5 }, { frequencyPenalty: 0.5 }];
    for (const params of penalties) expect([slotOf(params, 6), slotOf(params, 7)]).toEqual([null, TOKEN_SLOT]);
    expect(slotOf({ logitBias: { 2: 1 }, minTokens: 9 }, 7)).toBe(null);
    const first = { promptIds: [3], ids: [], params: { presencePenalty: 1 } };
    expect(adjustmentOf(first, 1, TOKEN_SLOT)).toBe(null);
    expect(adjustmentOf(first, 2, TOKEN_SLOT)).toMatchObject({ tokens: [], newestTokenSlot: TOKEN_SLOT });
  });
});
