// Quick tables of the matmuls: storage types, variants of both classes, epilogues, and norms that they take in.
import { Device } from '../../../src/gpu/device.ts';
import { matmul, matmulKVWrite } from '../../../src/kernels/matmul/matmul.ts';
import { matmulNaive } from '../../../src/kernels/matmul/matmul-naive.ts';
import { normMatmul, normMatmulKVWrite, rmsnormMatmul } from '../../../src/kernels/matmul/norm-matmul.ts';
import { siluMulNaive } from '../../../src/kernels/matmul/silu-mul-naive.ts';
import { WEIGHT_DTYPES } from '../../../src/kernels/weights/weight-tiles.ts';
import { compareBits } from '../../../src/testing/index.ts';
import { assertPasses } from '../../support/assert-passes.ts';
import { ACTIVATIONS, checkActivationValues, checkBrokenValues } from '../../support/kernels/activation-checks.ts';
import { LAYERNORM } from '../../support/kernels/layernorm-case.ts';
import {
  checkColumns,
  checkMatmul,
  checkMatmulNaive,
  checkResidual,
  checkSiluMul,
} from '../../support/kernels/matmul-checks.ts';
import { checkMatmulKVWrite } from '../../support/kernels/matmul-kv-write-case.ts';
import { checkNormMatmul, checkNormMatmulKVWrite } from '../../support/kernels/norm-matmul-case.ts';
import { RMSNORM } from '../../support/kernels/rmsnorm-case.ts';
import { readSafetensors } from '../../support/models/read-safetensors.ts';
import type { Replace } from '../replace.ts';
import type { Table } from './table.ts';

/** Projection of tokens to queries, keys and values: columns that fill their last tile in part. */
const PROJECTION = { M: 5, K: 20, G: 3, SHARE: 2, D: 8, P: 5, numBlocks: 9, weights: 'f16' } as const;

/** Variant whose lanes have a row each: no round takes more than a quad of k. */
const ROUND_OF_ONE = { ROWS: 8, TILES: 1, X_LANES: 4, X_VEC4: true } as const;

async function checkMatmuls(device: Device, replace: Replace): Promise<void> {
  const kernel = replace(matmul);
  await checkColumns(device, kernel);
  for (const dtype of WEIGHT_DTYPES) {
    const shape = { M: 5, K: 136, N: 331 };
    const want = await checkMatmul(device, shape, dtype, kernel, { ROWS: 4, TILES: 2, LANES: 32 });
    const got = await checkMatmul(device, shape, dtype, kernel, { ROWS: 2, TILES: 2, LANES: 32, SUBGROUPS: false });
    assertPasses(compareBits(got, want, { label: `without subgroups, ${dtype}` }));
    const quads = await checkMatmul(device, shape, dtype, kernel, ROUND_OF_ONE);
    assertPasses(compareBits(quads, want, { label: `four k in a load, ${dtype}` }));
    // One more than steps and groups of k, and whole ones.
    await checkMatmul(device, { M: 3, K: 9, N: 33 }, dtype, kernel, { SUBGROUPS: false });
    await checkMatmul(device, { M: 3, K: 65, N: 33 }, dtype, kernel);
    for (const variant of [{ SUBGROUPS: false, X_VEC4: true }, ROUND_OF_ONE]) {
      await checkMatmul(device, { M: 3, K: 128, N: 65 }, dtype, kernel, variant);
    }
  }
  // A round of shuffled quads that is left in part.
  await checkMatmul(device, { M: 3, K: 72, N: 33 }, 'f32', kernel, { X_VEC4: true });
  await checkResidual(device, kernel);
  await checkSiluMul(device, { M: 5, K: 60, N: 66 }, 'f16', kernel);
  for (const dtype of ['f32', 'f16'] as const) {
    const several = { constants: { ROWS: 4, TILES: 2 } };
    await checkMatmulKVWrite(device, { ...PROJECTION, dtype }, replace(matmulKVWrite), several);
  }
  await checkMatmulNaive(device, 257, undefined, kernel);
  const x = Float32Array.from(readSafetensors('test/fixtures/ops.safetensors').get('gelu.x')!);
  for (const activation of ACTIVATIONS) {
    await checkActivationValues(device, activation, x, kernel);
    await checkBrokenValues(device, activation, kernel);
  }
}

async function checkSiluMulNaive(device: Device, replace: Replace): Promise<void> {
  for (const N of [2, 130, 258])
    await checkSiluMul(device, { M: 3, K: 8, N }, 'f32', matmul, {}, replace(siluMulNaive));
}

/** Values of what neither lanes over k nor lanes that share tiles have a use for. */
const UNUSED = { TILES: 1, X_LANES: 4, SUBGROUPS: false } as const;
/**
 * Variants of the class `gpu` beside lanes that hand each other x: each lane for itself; workgroups that share tiles, with
 * several loads of a lane, several rows, and lanes that load no weights; and lanes over k, whose sums of a round lie over x
 * that other lanes still need, or are read by several subgroups.
 */
const GPU_VARIANTS = {
  f32: [{ ROWS: 2 }, { ROWS: 2, K_TILE: 16, LANES: 32, X_VEC4: true }],
  f16: [
    { ROWS: 8, K_TILE: 32, LANES: 32 },
    { ROWS: 2, QUADS: 4, LANES: 32 },
  ],
  q8: [
    { ROWS: 4, TILES: 2, K_TILE: 16, LANES: 128 },
    { ROWS: 2, QUADS: 8, LANES: 32 },
  ],
  q8_32: [{ ROWS: 2, QUADS: 4, LANES: 32 }],
  q4: [
    { ROWS: 4, K_TILE: 32, LANES: 64 },
    { ROWS: 2, QUADS: 8, LANES: 32 },
  ],
} as const;

async function checkGpuMatmuls(replace: Replace): Promise<void> {
  using device = await Device.open({ reduction: 'gpu' });
  const kernel = replace(matmul);
  for (const dtype of WEIGHT_DTYPES) {
    // Tiles, slices and chunks that are left in part, whole ones, and one that is begun.
    for (const shape of [
      { M: 37, K: 308, N: 75 },
      { M: 32, K: 64, N: 64 },
      { M: 3, K: 20, N: 33 },
    ]) {
      // Rounds of eight k, so that the last chunk may end in part.
      const want = await checkMatmul(device, shape, dtype, kernel, { ROWS: 4, TILES: 2, LANES: 32 });
      for (const variant of GPU_VARIANTS[dtype]) {
        const got = await checkMatmul(device, shape, dtype, kernel, { ...UNUSED, ...variant });
        assertPasses(compareBits(got, want, { label: `class gpu, ${dtype}, ${JSON.stringify(variant)}` }));
      }
    }
  }
  const { SUBGROUPS, ...unused } = UNUSED;
  const tiles = { conditions: { SUBGROUPS }, constants: { ...unused, ROWS: 2, K_TILE: 16 }, overrides: { LANES: 32 } };
  await checkResidual(device, kernel, tiles);
  await checkSiluMul(device, { M: 5, K: 60, N: 70 }, 'f32', kernel, tiles);
  for (const [dtype, variant] of [
    ['f32', { ROWS: 1, QUADS: 8 }],
    ['f16', { ROWS: 2, K_TILE: 16 }],
  ] as const) {
    const tuning = { conditions: { SUBGROUPS }, constants: { ...unused, ...variant }, overrides: { LANES: 32 } };
    await checkMatmulKVWrite(device, { ...PROJECTION, weights: 'q8', dtype }, replace(matmulKVWrite), tuning);
  }
}

async function checkNormMatmuls(replace: Replace): Promise<void> {
  using device = await Device.open({ features: 'base', reduction: 'gpu' });
  // Rows of one quad, of a part more than all have, and of more than one batch of loads.
  const twoRows = { constants: { ROWS: 2, QUADS: 8 }, overrides: { LANES: 32 } };
  for (const K of [4, 260, 1032])
    await checkNormMatmul(device, LAYERNORM, { K, N: 40, dtype: 'q8' }, twoRows, replace(normMatmul));
  await checkNormMatmul(device, RMSNORM, { K: 260, N: 40, dtype: 'q8' }, twoRows, replace(rmsnormMatmul));
  const narrow = { constants: { ROWS: 1, QUADS: 4 }, overrides: { LANES: 96 } };
  // Enough k for the last lanes to have some: x is put where its norm was.
  const projection = { ...PROJECTION, K: 420, weights: 'q8', dtype: 'f32' } as const;
  await checkNormMatmulKVWrite(device, projection, narrow, replace(normMatmulKVWrite));
}

/** Tables of the matmuls and their plain forms. */
export const MATMUL_TABLES: readonly Table[] = [
  { shaders: ['matmul', 'matmul_subgroup'], check: checkMatmuls },
  { shaders: ['matmul_norm'], check: (_, replace) => checkNormMatmuls(replace) },
  {
    shaders: ['matmul', 'matmul_subgroup', 'matmul_tiles', 'matmul_chunks'],
    check: (_, replace) => checkGpuMatmuls(replace),
  },
  { shaders: ['silu_mul_naive'], check: checkSiluMulNaive },
  { shaders: ['matmul_naive'], check: (device, replace) => checkMatmulNaive(device, 60, replace(matmulNaive)) },
];
