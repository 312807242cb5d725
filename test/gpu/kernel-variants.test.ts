// Variants of a kernel: which there are on a device, which are refused, and that each is compiled once.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { attention } from '../../src/kernels/attention/attention.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe('a variant with a name that the kernel does not have is refused:', () => {
  test('condition', async () => {
    // @ts-expect-error: no such condition
    await expect(matmul.build(device, { conditions: { GELUU: true } })).rejects.toThrow(
      'matmul: has no condition GELUU; it has: SUBGROUPS, W_F16, W_Q8, W_Q8_32, W_Q4, X_VEC4, GELU_NEW, GELU, RELU, SILU_MUL, RESIDUAL',
    );
  });

  test('constant', async () => {
    // @ts-expect-error: no such constant
    await expect(gatherRows.build(device, { constants: { ROWS: 2 } })).rejects.toThrow(
      'gather_rows: has no constant ROWS; it has: none',
    );
  });

  test('override', async () => {
    // @ts-expect-error: no such override
    await expect(gatherRows.build(device, { overrides: { WG: 2 } })).rejects.toThrow(
      'gather_rows: has no override WG; it has: LANES',
    );
  });
});

describe('a variant is refused', () => {
  test('for a value that is not among those of its tunable', async () => {
    await expect(matmul.build(device, { constants: { ROWS: 3 } })).rejects.toThrow(
      'matmul: ROWS is 3, expected one of 1, 2, 4, 8',
    );
    await expect(matmul.wgsl(device, { overrides: { LANES: 7 } })).rejects.toThrow(
      'matmul: LANES is 7, expected one of 8, 32, 64',
    );
  });

  test('where the device can not run it', async () => {
    using base = await Device.open({ features: 'base' });
    await expect(matmul.build(base, { conditions: { SUBGROUPS: true } })).rejects.toThrow(
      'matmul: X_LANES is 4, with SUBGROUPS expected at most the 0 lanes of a subgroup',
    );
  });
});

test('the variants of a kernel are all combinations of its tunables that the device can run', () => {
  expect(layernorm.variants(device.traits)).toEqual([{}]);
  const { traits } = device;
  const all = attention.variants({ ...traits, minSubgroupSize: 0 });
  expect(all).toHaveLength(4 * 3);
  expect(all).toContainEqual({ constants: { ROWS: 4, LANES: 64, LOADS: 1 } });
  expect(attention.variants({ ...traits, minSubgroupSize: 32 })).not.toContainEqual({
    constants: { ROWS: 4, LANES: 64, LOADS: 1 },
  });
  const labels = new Set(matmul.variants(traits).map((choice) => JSON.stringify(choice)));
  expect(labels).toContain(
    '{"constants":{"ROWS":2,"TILES":1,"X_LANES":4,"K_TILE":0,"QUADS":0},"overrides":{"LANES":32}}',
  );
  const narrow = matmul.variants({ ...traits, minSubgroupSize: 4 });
  // K_TILE and QUADS are 0 in the class software, and lanes over columns are no more than 64.
  expect(narrow).toHaveLength(4 * 3 * 3);
  expect(narrow.every(({ constants }) => constants?.X_LANES === 4)).toBe(true);
});

test('a variant is compiled once, however often it is asked for', async () => {
  const kernel = defineKernel(gatherRows.spec);
  const spy = vi.spyOn(device.gpu, 'createComputePipelineAsync');
  const [first, second] = await Promise.all([kernel.build(device), kernel.build(device)]);
  expect(await kernel.build(device)).toBe(first);
  expect(second).toBe(first);
  expect(spy).toHaveBeenCalledTimes(1);
  await kernel.build(device, { overrides: { LANES: 8 } });
  expect(spy).toHaveBeenCalledTimes(2);
  spy.mockRestore();
});

test('the base variant needs no subgroups, whatever the device has, and keeps what is fixed', () => {
  const traits = { ...device.traits, minSubgroupSize: 32 };
  expect(matmul.variant(traits).conditions.SUBGROUPS).toBe(true);
  const { conditions } = matmul.base(traits, { conditions: { W_F16: true } });
  expect(conditions).toMatchObject({ SUBGROUPS: false, W_F16: true });
});

test('the neighbours of a choice differ from it in one tunable each, and the device can run them', () => {
  const traits = { ...device.traits, minSubgroupSize: 4, isSoftware: false };
  const choice = { conditions: { W_F16: true }, constants: { ROWS: 2 } };
  const [first, ...others] = matmul.neighbours(traits, choice);
  expect(first).toBe(choice);
  const numbers = others.map(({ constants, overrides }) => JSON.stringify({ ...constants, ...overrides }));
  // Neither 8 X_LANES in subgroups of 4, nor the defaults.
  expect(numbers).toEqual([
    '{"ROWS":1}',
    '{"ROWS":4}',
    '{"ROWS":8}',
    '{"ROWS":2,"TILES":2}',
    '{"ROWS":2,"TILES":3}',
    '{"ROWS":2,"LANES":8}',
    '{"ROWS":2,"LANES":64}',
  ]);
});

test('a condition that is the name of a constant holds where that is not 0', async () => {
  using ofGPU = await Device.open({ features: 'base', reduction: 'gpu' });
  const tiled = { constants: { ROWS: 2, K_TILE: 16 }, overrides: { LANES: 32 } };
  expect(await matmul.wgsl(ofGPU, tiled)).toContain('workgroupBarrier');
  expect(await matmul.wgsl(ofGPU, { constants: { K_TILE: 0 } })).not.toContain('workgroupBarrier');
});

test('plain WGSL of a variant has no imports and no conditions left', async () => {
  const wgsl = await matmul.wgsl(device, { conditions: { GELU: true } });
  expect(wgsl).toContain('fn main');
  expect(wgsl).toContain('erfc');
  expect(wgsl).not.toMatch(/@if|import|package::|constants::/);
});
