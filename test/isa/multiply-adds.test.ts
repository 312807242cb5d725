// Instructions that multiply and add, by how often they round.
import { expect, test } from 'vitest';
import { blocksOf, FOLD, MATMUL } from './excerpts.ts';
import { roundingOf } from './multiply-adds.ts';

const linesOf = (shader: string) => blocksOf(shader).flatMap(({ lines }) => lines);

test.each([
  ['v_fma_mix_f32 v4, v8, s16, v4', 'fused'],
  ['v_fmac_f32_e32 v4, s16, v48', 'fused'],
  ['v_dual_fmac_f32 v4, v5, v6', 'fused'],
  ['v_mac_f32_e32 v4, s16, v48', 'unfused'],
  ['v_mad_f32 v4, s16, v48, v4', 'unfused'],
  ['v_madak_f32 v4, s16, v48, 0x3fb8aa3b', 'unfused'],
  ['v_mad_u32_u24 v4, s16, v48, v4', null],
  ['v_max_f32_e32 v4, s16, v48', null],
])('%s is %s', (line, rounding) => {
  expect(roundingOf([line])).toBe(rounding);
});

test('a shader may be of one kind or of both', () => {
  expect(roundingOf(linesOf(FOLD))).toBe('fused');
  expect(roundingOf(linesOf(MATMUL))).toBe('unfused');
  expect(roundingOf([...linesOf(FOLD), ...linesOf(MATMUL)])).toBe('both');
});
