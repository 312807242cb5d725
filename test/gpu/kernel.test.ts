// A kernel as a script calls it: one call runs it, and its cost is that of the sizes and the variant.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { time } from '../../src/timing/time.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

const f32 = (...shape: number[]) => Tensor.create(device, 'f32', 'f32', shape);
const i32 = (...shape: number[]) => Tensor.create(device, 'i32', 'i32', shape);

test('a kernel runs in three lines of a script, and counts its cost', async () => {
  const x = Tensor.from(device, 'x', Float32Array.of(1, 2, 3, 4), [2, 2]);
  const rows = Tensor.from(device, 'rows', Int32Array.of(1, 1, 0));
  const out = f32(3, 2);
  await gatherRows.run(device, { x, rows, out }, {});
  expect([...(await out.readF32())]).toEqual([3, 4, 3, 4, 1, 2]);
  const { cost } = gatherRows.dispatch(device, { x, rows, out }, {});
  expect(cost).toEqual({ bytes: 4 * 2 * 6, loads: 2 * 6, flops: 0 });
});

test('the cost of sizes needs those that it depends on', () => {
  expect(layernorm.cost({ M: 2, C: 8 })).toEqual({ bytes: 4 * (2 * 16 + 16), loads: 5 * 16, flops: 8 * 16 });
  expect(() => layernorm.cost({ M: 2 })).toThrow('layernorm: cost needs the size C');
});

test('a kernel that states no cost says so, and runs all the same', async () => {
  const { cost: _, ...spec } = gatherRows.spec;
  const kernel = defineKernel(spec);
  expect(() => kernel.cost({ C: 1 })).toThrow('gather_rows: states no cost');
  const tensors = { x: f32(1, 1), rows: i32(1), out: f32(1, 1) };
  await kernel.run(device, tensors, {});
  expect(kernel.dispatch(device, tensors, {}).cost).toBeNull();
  expect(await time(device, kernel, tensors, {}, { runs: 1 })).toMatchObject({ gflops: null, gigabytes: null });
});

test('the cost of a matmul counts the words that the lanes of its variant load', () => {
  // Three tiles of 32 columns, 64 rows of words each.
  const sizes = { M: 5, K: 64, N: 96 };
  const words = 3 * 64 * 32;
  const loads = (conditions: Record<string, boolean>, constants: Record<string, number>) =>
    matmul.cost(sizes, { conditions, constants, overrides: {} }).loads;
  // Each of 8 lanes a tile loads x of its row; w comes again for each group of rows.
  expect(matmul.cost(sizes).loads).toBe(5 * (words + 3 * 8 * 64));
  expect(loads({}, { ROWS: 4, TILES: 3, X_LANES: 8 })).toBe(2 * (words + 8 * 4 * 64));
  expect(loads({ SUBGROUPS: true }, { ROWS: 4, TILES: 2, X_LANES: 4 })).toBe(2 * (words + 2 * 2 * 4 * 64));
});
