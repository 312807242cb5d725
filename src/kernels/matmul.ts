import { defineKernel } from '../gpu/kernel.ts';
import { read, write } from '../gpu/kernel-spec.ts';
import { ceilDiv } from '../util/math.ts';
import { TILE, tiledWeight, tileRows, weightDType } from './weight-tiles.ts';

/** Lanes that share a weight tile: each owns four neighbouring columns. */
const LANES_PER_TILE = TILE / 4;

/**
 * out[M, first + n] = f(x[M, K] · w[K, N] + bias[N]) (+ out): f is the identity or one of the conditions GELU_NEW, GELU,
 * RELU; RESIDUAL adds what `out` held. Weights are column tiles (weight-tiles.ts): f32, with W_F16 packed f16, with W_Q8
 * bytes and scales. X_VEC4 asks for K % 4 = 0 and loads less.
 *
 * Every variant sums k ascending with one fma chain an output, so results are bit-equal whatever ROWS, TILES,
 * LANES or SUBGROUPS: a row's result does not depend on M.
 */
export const matmul = defineKernel({
  name: 'matmul',
  bindings: { x: read('M', 'K'), w: tiledWeight, bias: read('N'), out: write('M', 'O') },
  params: { M: 'u32', N: 'u32', K: 'u32', O: 'u32', first: 'u32' },
  conditions: ({ minSubgroupSize }) => ({
    SUBGROUPS: minSubgroupSize >= 4,
    W_F16: false,
    W_Q8: false,
    X_VEC4: false,
    GELU_NEW: false,
    GELU: false,
    RELU: false,
    RESIDUAL: false,
  }),
  // On a processor loads cost most, and several tiles share those of x; without subgroups it would only be a larger program.
  constants: ({ minSubgroupSize, isSoftware }) => ({
    ROWS: 1,
    TILES: isSoftware && minSubgroupSize >= 4 ? 3 : 1,
    X_LANES: minSubgroupSize < 8 ? 4 : 8,
  }),
  overrides: ({ isSoftware }) => ({ LANES: isSoftware ? LANES_PER_TILE : 4 * LANES_PER_TILE }),
  tunables: { ROWS: [1, 2, 4, 8], TILES: [1, 2, 3], X_LANES: [4, 8], LANES: [8, 32, 64] },
  checkVariant: ({ conditions, constants: { X_LANES = 0 } }, { minSubgroupSize }) => {
    if (conditions.W_F16 && conditions.W_Q8) return 'W_F16 and W_Q8 are both true, expected one of them';
    return conditions.SUBGROUPS && X_LANES > minSubgroupSize
      ? `X_LANES is ${X_LANES}, with SUBGROUPS expected at most the ${minSubgroupSize} lanes of a subgroup`
      : null;
  },
  check: ({ N = 0, K = 0, O = 0, KW = 0, first = 0 }, { conditions }) => {
    const rows = tileRows(K, weightDType(conditions));
    if (KW !== rows) return `w has ${KW} rows of words a tile, expected ${rows} for K = ${K}`;
    if (conditions.X_VEC4 && K % 4 !== 0) return `K is ${K}, with X_VEC4 expected a multiple of 4`;
    return first + N > O ? `columns [${first}, ${first + N}) are beyond out's ${O}` : null;
  },
  workgroups: ({ M = 0, N = 0 }, { constants, overrides }) => [
    ceilDiv(ceilDiv(N, TILE), (constants.TILES ?? 1) * ((overrides.LANES ?? 1) / LANES_PER_TILE)),
    ceilDiv(M, constants.ROWS ?? 1),
    1,
  ],
  cost: ({ M = 0, N = 0, K = 0, KW = 0 }) => ({
    bytes: 4 * (M * K + ceilDiv(N, TILE) * KW * TILE + N + M * N),
    flops: 2 * M * K * N,
  }),
});
