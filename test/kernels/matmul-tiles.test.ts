// The variants that share tiles of x and w among the lanes of a workgroup, on devices with and without optional features.

import { describe, expect, test } from 'vitest';
import type { Device, DeviceTraits } from '../../src/gpu/device.ts';
import type { VariantChoice } from '../../src/gpu/kernel-spec.ts';
import { matmul, matmulKVWrite } from '../../src/kernels/matmul/matmul.ts';
import { type MatmulInputs, matmulInputs } from '../../src/kernels/matmul/operands.ts';
import { MATMUL_BUCKETS, matmulCandidates } from '../../src/kernels/matmul/tuning.ts';
import { WEIGHT_DTYPES } from '../../src/kernels/weights/weight-tiles.ts';
import { normals } from '../../src/util/random-values.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';
import { expectSameBits } from '../support/kernels/expect-within.ts';
import { type MatmulKernel, runMatmul } from '../support/kernels/matmul-checks.ts';
import { checkMatmulKVWrite } from '../support/kernels/matmul-kv-write-case.ts';
import { mutant } from '../support/kernels/mutant.ts';

const devices = new TestDevices();

/** A workgroup of four rows and one tile, of eight rows and one tile, and of eight rows and two. Larger programs compile for long. */
const ONE_ROW = { constants: { ROWS: 1, TILES: 1, K_TILE: 16 }, overrides: { LANES: 32 } };
const TWO_ROWS = { constants: { ROWS: 2, TILES: 1, K_TILE: 16 }, overrides: { LANES: 32 } };
const TWO_TILES = { constants: { ROWS: 1, TILES: 2, K_TILE: 32 }, overrides: { LANES: 64 } };

function run(device: Device, inputs: MatmulInputs, choice: VariantChoice = {}, kernel: MatmulKernel = matmul) {
  const isAdded = choice.conditions?.RESIDUAL ?? false;
  const residual = normals(9, inputs.M * inputs.N);
  return runMatmul(device, { ...inputs, ...(isAdded && { residual }) }, choice, kernel);
}

/** Expects the bits of the base variant. */
async function expectBaseBits(device: Device, inputs: MatmulInputs, choice: VariantChoice, kernel?: MatmulKernel) {
  const { M, K, N, dtype } = inputs;
  const want = await run(
    devices.base,
    inputs,
    choice.conditions && { conditions: { ...choice.conditions, X_VEC4: false } },
  );
  const got = await run(device, inputs, choice, kernel);
  expectSameBits(got, want, `${M} × ${K} · ${K} × ${N} of ${dtype}, ${JSON.stringify(choice)}`);
}

const SHAPES = [
  { M: 1, K: 1, N: 1 },
  { M: 16, K: 64, N: 32 },
  { M: 37, K: 101, N: 75 },
  { M: 65, K: 7, N: 129 },
  // A last round of one quad, after whole groups of q8.
  { M: 5, K: 130, N: 31 },
];

describe.each(WEIGHT_DTYPES)('tiles that lanes share leave the bits of the base variant, weights of %s', (dtype) => {
  test.each(SHAPES)('M $M, K $K, N $N', async (shape) => {
    await expectBaseBits(devices.base, matmulInputs(1, shape, dtype), TWO_ROWS);
  });
});

test('so it is with several tiles of columns a lane, and with optional features', async () => {
  for (const shape of SHAPES) await expectBaseBits(devices.auto, matmulInputs(1, shape, 'q8'), TWO_TILES);
});

test.each([{ names: ['X_VEC4'] }, { names: ['X_VEC4', 'GELU_NEW'] }, { names: ['X_VEC4', 'RESIDUAL'] }])(
  'so it is with $names',
  async ({ names }) => {
    const inputs = matmulInputs(1, { M: 19, K: 100, N: 75 }, 'f16');
    const conditions = Object.fromEntries(names.map((name) => [name, true]));
    await expectBaseBits(devices.base, inputs, { ...ONE_ROW, conditions });
  },
);

test('so it is where keys and values go to the cache', async () => {
  const shape = { M: 19, K: 20, H: 3, D: 24, P: 5, numBlocks: 9, dtype: 'f16', weights: 'f16' } as const;
  await checkMatmulKVWrite(devices.base, shape, matmulKVWrite, ONE_ROW);
});

test('the tuner tries them where a workgroup has no more rows than there are, but not on a software adapter', () => {
  const gpu = {
    vendor: 'nvidia',
    minSubgroupSize: 32,
    isSoftware: false,
    immediates: true,
    timestamps: true,
    reduction: 'software' as const,
  };
  const tried = (traits: DeviceTraits, M: number) =>
    matmulCandidates(matmul, traits, { M, K: 768, N: 768 }).flatMap(({ constants }) => constants?.K_TILE || []);
  expect([8, 64].map((M) => tried(gpu, M))).toEqual([[], [16, 32]]);
  expect(MATMUL_BUCKETS.flatMap((M) => tried({ ...gpu, isSoftware: true }, M))).toEqual([]);
});

describe('refused are', () => {
  const refuse = (choice: VariantChoice) => () => matmul.variant(devices.base.traits, choice);

  test('tiles that only one row of lanes would use', () => {
    expect(refuse({ ...ONE_ROW, overrides: { LANES: 8 } })).toThrow(
      'matmul: LANES is 8, with K_TILE expected more than the 8 of a tile',
    );
  });

  test('tiles beyond what a workgroup may share on every adapter', () => {
    expect(refuse({ constants: { ROWS: 8, TILES: 3, K_TILE: 32 }, overrides: { LANES: 64 } })).toThrow(
      'matmul: K_TILE is 32, which takes 20480 bytes of the 16384 shared',
    );
  });
});

describe('the checks above find', () => {
  const inputs = matmulInputs(1, { M: 37, K: 101, N: 75 }, 'f16');

  test.each([
    { fault: 'lanes that do not wait for the loads', from: 'lane, k);\n    workgroupBarrier();', to: 'lane, k);' },
    { fault: 'rows of a neighbour', from: 'shared_x[(lane / TILE_VEC4 * u32(ROWS) + u32(r))', to: 'shared_x[(u32(r))' },
    {
      fault: 'weights of the round before',
      from: 'rows_at(start, k + row_of_words',
      to: 'rows_at(start, row_of_words',
    },
  ])('$fault', async ({ from, to }) => {
    const faulty = mutant(matmul, [[from, to]]);
    await expect(expectBaseBits(devices.base, inputs, TWO_ROWS, faulty)).rejects.toThrow('words differ');
  });
});
