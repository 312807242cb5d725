import { defineKernel } from '../gpu/kernel.ts';
import { read, write } from '../gpu/kernel-spec.ts';
import { ceilDiv } from '../util/math.ts';
import { K_STEP, TILE, tiledWeight, tileRows } from './weight-tiles.ts';

/** Lanes that share a weight tile: each owns four neighbouring columns. */
const LANES_PER_TILE = TILE / 4;

/**
 * out[M, first + n] = f(x[M, K] · w[K, N] + bias[N]) (+ out): f is the identity or one of the conditions GELU_NEW, GELU,
 * RELU; RESIDUAL adds what `out` held. Weights are column tiles (weight-tiles.ts), f32 or with W_F16 packed f16.
 *
 * Every variant sums k ascending with one fma chain an output, so results are bit-equal whatever ROWS, LANES or
 * SUBGROUPS: a row's result does not depend on M.
 */
export const matmul = defineKernel({
  name: 'matmul',
  bindings: { x: read('M', 'K'), w: tiledWeight, bias: read('N'), out: write('M', 'O') },
  params: { M: 'u32', N: 'u32', K: 'u32', O: 'u32', first: 'u32' },
  conditions: ({ minSubgroupSize }) => ({
    SUBGROUPS: minSubgroupSize >= 4,
    W_F16: false,
    GELU_NEW: false,
    GELU: false,
    RELU: false,
    RESIDUAL: false,
  }),
  // K_TILE values of x are spread over as many lanes, so it may not exceed the subgroup. Without subgroups a larger tile
  // only makes a larger program.
  constants: ({ minSubgroupSize }) => ({
    ROWS: 1,
    K_TILE: minSubgroupSize < 4 ? 2 : Math.min(minSubgroupSize, K_STEP),
  }),
  overrides: ({ isSoftware }) => ({ LANES: isSoftware ? LANES_PER_TILE : 4 * LANES_PER_TILE }),
  tunables: { ROWS: [1, 2, 4, 8], K_TILE: [2, 4, 8], LANES: [8, 32, 64] },
  checkVariant: ({ conditions, constants: { K_TILE = 0 } }, { minSubgroupSize }) =>
    conditions.SUBGROUPS && K_TILE > minSubgroupSize
      ? `K_TILE is ${K_TILE}, with SUBGROUPS expected at most the ${minSubgroupSize} lanes of a subgroup`
      : null,
  check: ({ N = 0, K = 0, O = 0, KW = 0, first = 0 }, { conditions }) => {
    const rows = tileRows(K, conditions.W_F16 ? 'f16' : 'f32');
    if (KW !== rows) return `w has ${KW} rows of words a tile, expected ${rows} for K = ${K}`;
    return first + N > O ? `columns [${first}, ${first + N}) are beyond out's ${O}` : null;
  },
  workgroups: ({ M = 0, N = 0 }, { constants, overrides }) => [
    ceilDiv(ceilDiv(N, TILE) * LANES_PER_TILE, overrides.LANES ?? 1),
    ceilDiv(M, constants.ROWS ?? 1),
    1,
  ],
  cost: ({ M = 0, N = 0, K = 0, KW = 0 }) => ({
    bytes: 4 * (M * K + ceilDiv(N, TILE) * KW * TILE + N + M * N),
    flops: 2 * M * K * N,
  }),
});
