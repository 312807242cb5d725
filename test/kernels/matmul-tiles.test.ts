// The matmul whose workgroups share tiles of x and w, in the reduction class `gpu`: the bits of the class's base variant.
import { describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import type { VariantChoice } from '../../src/gpu/kernel-spec.ts';
import { floatsOf } from '../../src/kernels/kernel-case.ts';
import { expectedMatmul } from '../../src/kernels/matmul/expected.ts';
import { matmul, matmulKVWrite } from '../../src/kernels/matmul/matmul.ts';
import { type MatmulInputs, type MatmulShape, matmulInputs } from '../../src/kernels/matmul/operands.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { normals } from '../../src/util/random-values.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';
import '../../src/testing/vitest.ts';
import { type MatmulKernel, runMatmul } from '../support/kernels/matmul-checks.ts';
import { checkMatmulKVWrite } from '../support/kernels/matmul-kv-write-case.ts';
import { mutant } from '../support/kernels/mutant.ts';

const devices = new TestDevices({ reduction: 'gpu' });

/** Constants and lanes of a workgroup that shares tiles. */
type Tiles = { readonly ROWS: number; readonly TILES: number; readonly K_TILE: number; readonly LANES: number };

function choiceOf({ LANES, ...constants }: Tiles, conditions: Readonly<Record<string, boolean>> = {}): VariantChoice {
  return {
    conditions: { SUBGROUPS: false, ...conditions },
    constants: { ...constants, X_LANES: 4, QUADS: 0 },
    overrides: { LANES },
  };
}

/** 8 × 32 of the output; a lane loads words of four rows of a slice. Larger programs compile for long. */
const SMALL: Tiles = { ROWS: 2, TILES: 1, K_TILE: 16, LANES: 32 };
/** 32 × 64 of the output; half of the lanes load words of q8. */
const WIDE: Tiles = { ROWS: 4, TILES: 2, K_TILE: 16, LANES: 128 };
/** 32 × 32 of the output; a slice is a whole chunk. */
const TALL: Tiles = { ROWS: 8, TILES: 1, K_TILE: 32, LANES: 32 };

function run(device: Device, inputs: MatmulInputs, choice: VariantChoice = {}, kernel: MatmulKernel = matmul) {
  const isAdded = choice.conditions?.RESIDUAL ?? false;
  const residual = normals(9, inputs.M * inputs.N);
  return runMatmul(device, { ...inputs, ...(isAdded && { residual }) }, choice, kernel);
}

/** Expects the bits of the base variant, which is returned. */
async function expectBaseBits(device: Device, inputs: MatmulInputs, choice: VariantChoice, kernel?: MatmulKernel) {
  const { M, K, N, dtype } = inputs;
  const conditions = { ...choice.conditions, X_VEC4: false };
  const want = await run(devices.base, inputs, { conditions });
  const got = await run(device, inputs, choice, kernel);
  expect(got).toEqualBits(want, { label: `${M} × ${K} · ${K} × ${N} of ${dtype}, ${JSON.stringify(choice)}` });
  return want;
}

/** Inputs whose last x is ∞: times a weight of 0 after K it would be NaN. */
function endless(shape: MatmulShape, dtype: WeightDType): MatmulInputs {
  const inputs = matmulInputs(1, shape, dtype);
  inputs.x[inputs.x.length - 1] = Number.POSITIVE_INFINITY;
  return inputs;
}

const SHAPES = [
  { M: 1, K: 1, N: 1 },
  // Whole slices and tiles, and then a row, a column and k more or less.
  { M: 32, K: 64, N: 64 },
  { M: 33, K: 65, N: 65 },
  { M: 31, K: 47, N: 63 },
  { M: 37, K: 103, N: 75 },
];

describe.each([
  { dtype: 'f32', tiles: SMALL },
  { dtype: 'f16', tiles: TALL },
  { dtype: 'q8', tiles: WIDE },
] as const)(
  'tiles that a workgroup shares leave the bits of the base variant, weights of $dtype',
  ({ dtype, tiles }) => {
    test.each(SHAPES)('M $M, K $K, N $N', async (shape) => {
      const inputs = matmulInputs(1, shape, dtype);
      const words = await expectBaseBits(devices.base, inputs, choiceOf(tiles));
      const { want, tolerance } = expectedMatmul(inputs);
      expect(floatsOf(words)).toBeWithin(want, tolerance!, { label: 'base variant' });
    });
  },
);

test.each([
  { names: ['X_VEC4', 'GELU_NEW'], tiles: WIDE },
  { names: ['X_VEC4', 'RESIDUAL'], tiles: SMALL },
  { names: ['SILU_MUL'], tiles: SMALL },
])('so it is with $names, optional features, and a last x that is not finite', async ({ names, tiles }) => {
  const inputs = endless({ M: 35, K: 100, N: 74 }, 'f16');
  const conditions = Object.fromEntries(names.map((name) => [name, true]));
  await expectBaseBits(devices.auto, inputs, choiceOf(tiles, conditions));
});

test('so it is where keys and values go to the cache', async () => {
  const shape = { M: 19, K: 20, G: 1, SHARE: 7, D: 24, P: 5, numBlocks: 9, dtype: 'f16', weights: 'f16' } as const;
  await checkMatmulKVWrite(devices.base, shape, matmulKVWrite, choiceOf(SMALL));
});

describe('refused are', () => {
  const refuse = (tiles: Tiles) => () => matmul.variant(devices.base.traits, choiceOf(tiles));

  test('fewer lanes than load a slice, and those that are no power of two for each quad of columns', () => {
    const message = 'with K_TILE and TILES 2 expected one of 64, 128, 256, 512';
    expect(refuse({ ...WIDE, LANES: 32 })).toThrow(`matmul: LANES is 32, ${message}`);
    expect(refuse({ ...WIDE, LANES: 192 })).toThrow(`matmul: LANES is 192, ${message}`);
  });

  test('rows that leave some lanes without x to load', () => {
    expect(refuse({ ...WIDE, ROWS: 2 })).toThrow(
      'matmul: ROWS is 2, with K_TILE 16 and TILES 2 expected a multiple of 4',
    );
  });

  test('tiles beyond what a workgroup may share on every adapter', () => {
    expect(refuse({ ROWS: 4, TILES: 2, K_TILE: 32, LANES: 256 })).toThrow(
      'matmul: K_TILE is 32, which takes 19072 bytes of the 16384 shared',
    );
  });

  test('subgroups, and lanes that ask each other for x, which such a workgroup does without', () => {
    const { conditions, constants } = choiceOf(SMALL);
    const variant = (choice: VariantChoice) => () =>
      matmul.variant(devices.auto.traits, { ...choiceOf(SMALL), ...choice });
    expect(variant({ conditions: { ...conditions, SUBGROUPS: true } })).toThrow(
      'matmul: SUBGROUPS is true, with K_TILE expected false',
    );
    expect(variant({ constants: { ...constants, X_LANES: 8 } })).toThrow(
      'matmul: X_LANES is 8, with K_TILE expected 4',
    );
  });

  test('tiles in the reduction class software, which sums k in one chain', () => {
    const traits = { ...devices.base.traits, reduction: 'software' as const };
    expect(() => matmul.variant(traits, choiceOf(SMALL))).toThrow(
      'matmul: K_TILE is 16, expected 0 in the reduction class software',
    );
  });
});

describe('the checks above find', () => {
  const inputs = endless({ M: 37, K: 101, N: 75 }, 'f32');

  test.each([
    {
      fault: 'lanes that do not wait for the others’ loads',
      from: 'store_share(part, &share, k);\n    workgroupBarrier();',
      to: 'store_share(part, &share, k);',
    },
    { fault: 'rows of a neighbour', from: '+ part.group;\n        for', to: ';\n        for' },
    {
      fault: 'weights of the slice before',
      from: '+ i * GROUPS * TILE_VEC4, k)',
      to: '+ i * GROUPS * TILE_VEC4, max(k, 16u) - 16u)',
    },
    { fault: 'chunks that are summed in one chain', from: 'if (k % CHUNK == 0u)', to: 'if (k == end)' },
    { fault: 'k after the last', from: 'if (k + K_TILE > params.K)', to: 'if (k > params.K)' },
  ])('$fault', async ({ from, to }) => {
    const faulty = mutant(matmul, [[from, to]]);
    await expect(expectBaseBits(devices.base, inputs, choiceOf(SMALL), faulty)).rejects.toThrow('words differ');
  });
});
