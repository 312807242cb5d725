// Sums in chunks of the class gpu: a row has the same bits in every variant and batch, and others under any other order.
// @module-tag sweep
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import type { VariantChoice } from '../../src/gpu/kernel-spec.ts';
import { matmul, matmulKVWrite } from '../../src/kernels/matmul/matmul.ts';
import { type MatmulInputs, matmulInputs, someRows } from '../../src/kernels/matmul/operands.ts';
import { WEIGHT_DTYPES, type WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import '../../src/testing/vitest.ts';
import { checkMatmul, checkSiluMul, type MatmulKernel, runMatmul } from '../support/kernels/matmul-checks.ts';
import { checkMatmulKVWrite } from '../support/kernels/matmul-kv-write-case.ts';
import { mutant } from '../support/kernels/mutant.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open({ reduction: 'gpu' });
});
afterAll(() => device.close());

/** Ten chunks, the last of 12 k, and columns that end in a tile. */
const SHAPE = { M: 9, K: 300, N: 72 };
/** Chunks in short chains of one lane, in lanes apart, and shared by the lanes of a workgroup. */
const PLAIN: VariantChoice = { conditions: { SUBGROUPS: false }, constants: { TILES: 1 } };
const OVER_K = { conditions: { SUBGROUPS: false }, constants: { TILES: 1, X_LANES: 4 } };
const SHARED: VariantChoice = {
  ...OVER_K,
  constants: { ...OVER_K.constants, ROWS: 2, K_TILE: 16 },
  overrides: { LANES: 32 },
};
const VARIANTS: readonly VariantChoice[] = [{}, { constants: { ROWS: 2 } }, SHARED];
/** Lanes over k: of two chunks a round, of four, and of eight. Each is a large program, which compiles for seconds. */
const LANES_OVER_K: Readonly<Record<WeightDType, VariantChoice>> = {
  f32: { ...OVER_K, constants: { ...OVER_K.constants, ROWS: 1, QUADS: 4 }, overrides: { LANES: 8 } },
  f16: { ...OVER_K, constants: { ...OVER_K.constants, ROWS: 2, QUADS: 8 }, overrides: { LANES: 32 } },
  q8: { ...OVER_K, constants: { ...OVER_K.constants, ROWS: 1, QUADS: 4 }, overrides: { LANES: 32 } },
  q8_32: { ...OVER_K, constants: { ...OVER_K.constants, ROWS: 1, QUADS: 8 }, overrides: { LANES: 32 } },
  q4: { ...OVER_K, constants: { ...OVER_K.constants, ROWS: 2, QUADS: 4 }, overrides: { LANES: 32 } },
};

async function expectBits(inputs: MatmulInputs, want: Uint32Array, choice: VariantChoice, kernel?: MatmulKernel) {
  const label = `${inputs.dtype}, ${JSON.stringify(choice)}`;
  expect(await runMatmul(device, inputs, choice, kernel)).toEqualBits(want, { label });
}

describe.each(WEIGHT_DTYPES)('in the class gpu, weights of %s,', (dtype) => {
  // Bytes with a scale for every 32 run the code of those with one for every 64.
  const tags = dtype === 'q8_32' ? ['slow'] : [];
  /** The storage type changes how words are read, not who sums what: f16, and q4 whose words span tails, run all variants. */
  const ofVariants = { tags: dtype === 'f16' || dtype === 'q4' ? [] : ['slow'] };
  const inputs = matmulInputs(1, SHAPE, dtype);
  let want: Uint32Array;
  beforeAll(async () => {
    want = await runMatmul(device, inputs, PLAIN);
  });

  test('the sums are those of float64', { tags }, () => checkMatmul(device, SHAPE, dtype));

  test('every variant has the bits of the plain one', ofVariants, async () => {
    for (const choice of VARIANTS) await expectBits(inputs, want, choice);
  });

  test('lanes over k have its bits', ofVariants, () => expectBits(inputs, want, LANES_OVER_K[dtype]));

  async function expectRowBits(choice: VariantChoice): Promise<void> {
    for (const [start, end] of [
      [0, 1],
      [4, 7],
    ] as const) {
      await expectBits(someRows(inputs, start, end), want.subarray(start * SHAPE.N, end * SHAPE.N), choice);
    }
  }

  test('a row alone has the bits that it has in a batch', { tags }, () => expectRowBits({}));

  test('and in lanes over k', ofVariants, () => expectRowBits(LANES_OVER_K[dtype]));
});

test.each([1, 2, 3, 4, 5, 33, 34, 35, 36, 65, 130])('tails of K = %i have equal bits in lanes over k', async (K) => {
  const inputs = matmulInputs(K, { M: 2, K, N: 33 }, 'f16');
  await expectBits(inputs, await runMatmul(device, inputs, PLAIN), LANES_OVER_K.f16);
});

test.each([4, 5, 12, 33, 36, 65])(
  'tails of K = %i have equal bits in lanes over k and shared tiles, in q4',
  async (K) => {
    const inputs = matmulInputs(K, { M: 2, K, N: 33 }, 'q4');
    const plain = await runMatmul(device, inputs, PLAIN);
    for (const choice of [{}, LANES_OVER_K.q4, SHARED]) await expectBits(inputs, plain, choice);
    await checkMatmul(device, { M: 2, K, N: 33 }, 'q4');
  },
);

test.each([{}, SHARED, LANES_OVER_K.f16])('with SILU_MUL two columns make one, $constants', (choice) =>
  checkSiluMul(device, { M: 5, K: 100, N: 70 }, 'f16', matmul, choice),
);

test('keys and values go to the cache as matmul and kv_write leave them', () =>
  checkMatmulKVWrite(
    device,
    { M: 5, K: 40, G: 3, SHARE: 2, D: 8, P: 5, numBlocks: 9, dtype: 'f16', weights: 'f16' },
    matmulKVWrite,
    LANES_OVER_K.f16,
  ));

describe('the checks above find', () => {
  const inputs = matmulInputs(1, SHAPE, 'f16');

  test.each([
    { fault: 'chunks of another length', change: ['% CHUNK == 0u)', '% 16u == 0u)'], choice: PLAIN },
    {
      fault: 'a chunk that goes on with the sum of the one before',
      change: ['(*sums)[s] = vec4f();', ''],
      choice: PLAIN,
    },
    {
      fault: 'sums of chunks in another order',
      change: ['min(c + i, count - 1u)', 'count - 1u - min(c + i, count - 1u)'],
      choice: LANES_OVER_K.f16,
    },
  ] as const)('$fault', async ({ change: [from, to], choice }) => {
    const want = await runMatmul(device, inputs, {});
    await expect(expectBits(inputs, want, choice, mutant(matmul, [[from, to]]))).rejects.toThrow('words differ');
  });
});

test('a variant of the other class is refused', () => {
  const { traits } = device;
  expect(() => matmul.variant(traits, { constants: { CHUNK: 0 } })).toThrow(
    'matmul: CHUNK is 0, expected 32 in the reduction class gpu',
  );
  const software = { ...traits, reduction: 'software' as const };
  expect(() => matmul.variant(software, LANES_OVER_K.f16)).toThrow(
    'matmul: QUADS is 8, expected 0 in the reduction class software',
  );
});
