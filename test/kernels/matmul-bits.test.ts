// Bits of a row of the matmul: equal in every variant and batch.
// @module-tag sweep
import { beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import type { VariantChoice } from '../../src/gpu/kernel-spec.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { type MatmulInputs, matmulInputs, someRows } from '../../src/kernels/matmul/operands.ts';
import { WEIGHT_DTYPES } from '../../src/kernels/weights/weight-tiles.ts';
import { normals, permutation } from '../../src/util/random-values.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';
import '../../src/testing/vitest.ts';
import { type MatmulKernel, runMatmul } from '../support/kernels/matmul-checks.ts';
import { matmulOfOtherOrder } from '../support/kernels/matmul-mutants.ts';

const SHAPE = { M: 17, K: 100, N: 72 };

const devices = new TestDevices();

/** A residual that is the same in every row, so that it is a row's own wherever the row stands. */
const residualRow = normals(9, SHAPE.N);

function run(
  device: Device,
  inputs: MatmulInputs,
  choice: VariantChoice = {},
  kernel: MatmulKernel = matmul,
): Promise<Uint32Array> {
  const { M, N } = inputs;
  const residual = Float32Array.from({ length: M * N }, (_, i) => residualRow[i % N]!);
  const isAdded = choice.conditions?.RESIDUAL ?? false;
  return runMatmul(device, { ...inputs, ...(isAdded && { residual }) }, choice, kernel);
}

/** Every row by itself, in the adapter's default variant. */
async function rowsAlone(inputs: MatmulInputs, choice: VariantChoice = {}): Promise<Uint32Array> {
  const rows = new Uint32Array(inputs.M * inputs.N);
  for (let m = 0; m < inputs.M; m++)
    rows.set(await run(devices.auto, someRows(inputs, m, m + 1), choice), m * inputs.N);
  return rows;
}

/** Expects the bits of `alone` from batches of 1, 2, 5, 8 and all rows. */
async function expectRowBits(
  device: Device,
  inputs: MatmulInputs,
  alone: Uint32Array,
  choice: VariantChoice,
  kernel: MatmulKernel = matmul,
): Promise<void> {
  for (const [start, end] of [
    [3, 4],
    [3, 5],
    [4, 9],
    [5, 13],
    [0, inputs.M],
  ] as const) {
    const got = await run(device, someRows(inputs, start, end), choice, kernel);
    const label = `rows ${start} to ${end} of ${inputs.dtype}, ${JSON.stringify(choice)}`;
    expect(got).toEqualBits(alone.subarray(start * inputs.N, end * inputs.N), { label });
  }
}

describe.each(WEIGHT_DTYPES)('a row alone has the bits of the row in a batch, weights of %s,', (dtype) => {
  const inputs = matmulInputs(1, SHAPE, dtype);
  let alone: Uint32Array;
  beforeAll(async () => {
    alone = await rowsAlone(inputs);
  });

  /** The storage type changes how the words of a tile are read, not who sums what: npm test has halves, and the smallest of the packed ones. */
  const tags = dtype === 'f16' || dtype === 'q4' ? [] : ['slow'];

  /** Others than f16 run few variants. */
  const isWhole = dtype === 'f16';
  const neighbours = (device: Device) =>
    matmul.neighbours(device.traits, {}).filter(({ constants: { K_TILE = 0 } = {} }) => K_TILE === 0);

  async function expectBitsWithSubgroups(tunings: readonly VariantChoice[]) {
    const { minSubgroupSize } = devices.auto.traits;
    // X_LANES lanes of a subgroup share the loads of x; on an adapter without subgroups nothing is left to run.
    for (const tuning of tunings.filter(({ constants: { X_LANES = 4 } = {} }) => X_LANES <= minSubgroupSize)) {
      await expectRowBits(devices.auto, inputs, alone, { ...tuning, conditions: { SUBGROUPS: true } });
    }
  }

  test('with subgroups', { tags }, async () => {
    const few = [{}, { constants: { TILES: 1 } }, { constants: { ROWS: 8 } }];
    await expectBitsWithSubgroups([
      ...(isWhole ? neighbours(devices.auto) : few),
      { constants: { ROWS: 8, TILES: 1 } },
    ]);
  });

  test('with subgroups, in any number of rows and tiles', { tags: ['slow'] }, async () => {
    const shared = [1, 2, 4, 8].flatMap((ROWS) => [1, 2, 3].map((TILES) => ({ constants: { ROWS, TILES } })));
    await expectBitsWithSubgroups([...neighbours(devices.auto), ...shared]);
  });

  test('where four k are one load', { tags }, async () => {
    for (const ROWS of isWhole ? [1, 2, 8] : [1, 8]) {
      await expectRowBits(devices.auto, inputs, alone, { conditions: { X_VEC4: true }, constants: { ROWS } });
    }
  });

  test('without subgroups', { tags }, async () => {
    await expectRowBits(devices.auto, inputs, alone, { conditions: { SUBGROUPS: false }, constants: { ROWS: 4 } });
  });

  test('on a device without optional features', { tags }, async () => {
    for (const tuning of isWhole ? neighbours(devices.base) : [{ constants: { ROWS: 4 } }]) {
      await expectRowBits(devices.base, inputs, alone, tuning);
    }
  });
});

test.each([4, 12, 20, 36])('a word of q4 that K = %i ends inside adds nothing, however x is loaded', async (K) => {
  const inputs = matmulInputs(K, { M: 3, K, N: 33 }, 'q4');
  const want = await run(devices.auto, inputs, { conditions: { SUBGROUPS: false, X_VEC4: false } });
  for (const X_VEC4 of [false, true]) {
    for (const ROWS of [1, 8]) {
      for (const SUBGROUPS of [false, true]) {
        const choice = { conditions: { SUBGROUPS, X_VEC4 }, constants: { ROWS, TILES: 1 } };
        expect(await run(devices.auto, inputs, choice)).toEqualBits(want, { label: JSON.stringify(choice) });
      }
    }
  }
});

test.each(['GELU_NEW', 'SILU_MUL', 'RESIDUAL'])('so it is with %s', expectRowBitsWith);

// They change a sum as the activation above does, each in its own expression.
test.each(['GELU', 'RELU'])('so it is with %s', { tags: ['slow'] }, expectRowBitsWith);

async function expectRowBitsWith(condition: string): Promise<void> {
  const inputs = matmulInputs(1, SHAPE, 'f16');
  const conditions = { [condition]: true };
  const alone = await rowsAlone(inputs, { conditions });
  await expectRowBits(devices.auto, inputs, alone, { conditions, constants: { ROWS: 4 } });
  await expectRowBits(devices.base, inputs, alone, { conditions });
}

describe('the bits differ', () => {
  const inputs = matmulInputs(1, SHAPE, 'f32');

  test('when k runs in another order', async () => {
    const { M, K, N, x, w } = inputs;
    const order = permutation(5, K);
    const shuffled = {
      ...inputs,
      x: x.map((_, i) => x[i - (i % K) + order[i % K]!]!),
      w: w.map((_, i) => w[order[Math.floor(i / N)]! * N + (i % N)]!),
    };
    const [got, want] = [await run(devices.auto, shuffled), await run(devices.auto, inputs)];
    const differing = got.filter((word, i) => word !== want[i]).length;
    expect(differing).toBeGreaterThan((M * N) / 4);
  });

  test('when even and odd k are summed apart, which the checks above find', async () => {
    const twoSums = matmulOfOtherOrder();
    const alone = await rowsAlone(inputs);
    for (const device of [devices.auto, devices.base]) {
      await expect(expectRowBits(device, inputs, alone, {}, twoSums)).rejects.toThrow('words differ');
    }
  });
});
