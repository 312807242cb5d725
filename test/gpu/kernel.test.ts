// A kernel's declaration against its tensors, its shader and its device: each contradiction is refused by name, before
// anything runs.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { GpuError, KernelError } from '../../src/gpu/errors.ts';
import { defineKernel, Kernel } from '../../src/gpu/kernel.ts';
import { read, type ScalarsOf } from '../../src/gpu/kernel-spec.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { ShaderError } from '../../src/gpu/shader-error.ts';
import { shaderOf } from '../../src/gpu/shader-names.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { time } from '../../src/gpu/time.ts';
import { attention, attentionFold } from '../../src/kernels/attention/attention.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { packWeight } from '../../src/kernels/weights/pack-weight.ts';
import type { PackedWeight } from '../../src/kernels/weights/packed-weight.ts';
import { mutant } from '../support/kernels/mutant.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
  await Promise.all([layernorm, gatherRows, matmul, attentionFold].map((kernel: Kernel) => kernel.build(device)));
});
afterAll(() => device.close());

const f32 = (...shape: number[]) => Tensor.create(device, 'f32', 'f32', shape);
const i32 = (...shape: number[]) => Tensor.create(device, 'i32', 'i32', shape);

/** Message of `dispatch` for tensors and scalars that TypeScript would not let pass. */
function refusal(
  kernel: Kernel,
  tensors: Readonly<Record<string, Tensor | PackedWeight>>,
  scalars: Readonly<Record<string, number>>,
) {
  try {
    kernel.dispatch(device, tensors, scalars);
  } catch (error) {
    if (error instanceof KernelError) return error.message;
    throw error;
  }
  return 'no error';
}

describe('a dispatch is refused for', () => {
  const eps = 1e-5;
  /** Tensors of a layer norm of two rows of three, with others in some places. */
  const norm = (others: Readonly<Record<string, Tensor>> = {}) => ({
    x: f32(2, 3),
    gamma: f32(3),
    beta: f32(3),
    out: f32(2, 3),
    ...others,
  });

  test('nothing, when all fits', () => {
    expect(refusal(layernorm, norm(), { eps })).toBe('no error');
    const both = f32(3);
    expect(refusal(layernorm, norm({ gamma: both, beta: both }), { eps })).toBe('no error');
  });

  test('a size that another tensor contradicts', () => {
    const message = refusal(layernorm, norm({ gamma: f32(4) }), { eps });
    expect(message).toBe('layernorm: gamma is [4], expected [C] with C = 3');
    expect(refusal(layernorm, norm({ out: f32(3, 3) }), { eps })).toBe(
      'layernorm: out is [3, 3], expected [M, C] with M = 2, C = 3',
    );
  });

  test('a wrong number of dimensions', () => {
    expect(refusal(layernorm, norm({ x: f32(6) }), { eps })).toBe('layernorm: x is [6], expected [M, C]');
    expect(refusal(layernorm, norm({ beta: f32(3, 1) }), { eps })).toContain('beta is [3, 1], expected [C] with C = 3');
  });

  test('a size that is a function of others', () => {
    const tensors = { partials: f32(1, 2, 1, 6), positions: i32(1), out: f32(1, 9) };
    expect(refusal(attentionFold, tensors, { D: 4, count: 1 })).toBe(
      'attention_fold: out is [1, 9], expected [T, 8] with T = 1',
    );
  });

  test('another element type', () => {
    expect(refusal(layernorm, norm({ gamma: i32(3) }), { eps })).toBe('layernorm: gamma is i32, expected f32');
  });

  test('an output that is an input too', () => {
    const tensors = norm();
    const message = 'layernorm: x and out are the same buffer and one of them is written';
    expect(refusal(layernorm, { ...tensors, out: tensors.x }, { eps })).toBe(message);
    expect(refusal(layernorm, { ...tensors, out: tensors.x.view([2, 3]) }, { eps })).toBe(message);
  });

  test('a missing tensor', () => {
    const { gamma, ...others } = norm();
    expect(refusal(layernorm, others, { eps })).toBe('layernorm: tensor gamma is missing');
  });

  test('a missing scalar, also one that only the grid needs', () => {
    expect(refusal(layernorm, norm(), {})).toBe('layernorm: scalar eps is missing');
    const tensors = { partials: f32(1, 1, 1, 6), positions: i32(1), out: f32(1, 4) };
    expect(refusal(attentionFold, tensors, { D: 4 })).toBe('attention_fold: scalar count is missing');
  });

  test('a tensor or scalar that the kernel does not have', () => {
    expect(refusal(layernorm, norm({ weight: f32(3) }), { eps })).toBe(
      'layernorm: has no tensor weight; it has: x, gamma, beta, out',
    );
    expect(refusal(layernorm, norm(), { eps, epsilon: 1 })).toBe('layernorm: has no scalar epsilon; it has: M, C, eps');
  });

  test('a scalar that its type can not hold', () => {
    const w = packWeight(device, 'w', [1, 2, 3], [3, 1]);
    const tensors = { x: f32(1, 3), w, bias: f32(1), out: f32(1, 1) };
    expect(refusal(matmul, tensors, { first: -1 })).toBe('matmul: scalar first is -1, expected u32');
    expect(refusal(matmul, tensors, { first: -0.5 })).toBe('matmul: scalar first is -0.5, expected u32');
    expect(refusal(layernorm, norm(), { eps: 1e39 })).toBe('layernorm: scalar eps is 1e+39, expected f32');
    expect(refusal(layernorm, norm(), { eps: Number.NaN })).toBe('layernorm: scalar eps is NaN, expected a number');
    const text: ScalarsOf<typeof layernorm.spec> = JSON.parse('{ "eps": "1e-5" }');
    expect(refusal(layernorm, norm(), text)).toBe('layernorm: scalar eps is "1e-5", expected a number');
  });

  test('a tensor that was closed or is on another device', async () => {
    using other = await Device.open();
    const foreign = Tensor.create(other, 'gamma', 'f32', [3]);
    const closed = f32(3);
    closed.close();
    const message = 'layernorm: gamma was closed or is on another device';
    expect(refusal(layernorm, norm({ gamma: foreign }), { eps })).toBe(message);
    expect(refusal(layernorm, norm({ gamma: closed }), { eps })).toBe(message);
  });

  test('an array in place of a tensor', () => {
    const tensors: Record<string, Tensor> = norm();
    Object.assign(tensors, { gamma: Float32Array.of(1, 1, 1) });
    expect(refusal(layernorm, tensors, { eps })).toBe('layernorm: gamma is no Tensor; Tensor.from makes one');
  });

  test('a grid beyond the limit', () => {
    const rows = device.gpu.limits.maxComputeWorkgroupsPerDimension + 1;
    const tensors = { x: f32(1, 1), rows: i32(rows), out: f32(rows, 1) };
    expect(refusal(gatherRows, tensors, {})).toBe(
      `gather_rows: workgroups y is ${rows} of [1, ${rows}, 1], expected at most the adapter's ${rows - 1}: spread them over two dimensions`,
    );
  });

  test('a tensor that is larger than a binding may be', async () => {
    // With WebGPU's default limits a buffer may be larger than a binding, on every adapter.
    using base = await Device.open({ features: 'base' });
    await gatherRows.build(base);
    const limit = base.gpu.limits.maxStorageBufferBindingSize;
    const x = Tensor.create(base, 'x', 'f32', [limit / 4 + 1, 1]);
    const rows = Tensor.create(base, 'rows', 'i32', [1]);
    const out = Tensor.create(base, 'out', 'f32', [1, 1]);
    expect(() => new Recorder(base).add(gatherRows, { x, rows, out }, {})).toThrow(
      new KernelError('gather_rows', `x takes ${limit + 4} bytes, the adapter binds at most ${limit}`),
    );
  });

  test('a variant that was not built', () => {
    const choice = { overrides: { LANES: 7 } };
    const tensors = { x: f32(1, 1), rows: i32(1), out: f32(1, 1) };
    const error = new KernelError('gather_rows[LANES=7]', 'used before it was built');
    expect(() => gatherRows.dispatch(device, tensors, {}, choice)).toThrow(error);
    expect(() => new Recorder(device).add(gatherRows, tensors, {}, choice).finishBuilt('gather')).toThrow(error);
  });
});

describe('a variant with a name that the kernel does not have is refused:', () => {
  test('condition', async () => {
    // @ts-expect-error: no such condition
    await expect(matmul.build(device, { conditions: { GELUU: true } })).rejects.toThrow(
      'matmul: has no condition GELUU; it has: SUBGROUPS, W_F16, W_Q8, X_VEC4, GELU_NEW, GELU, RELU, RESIDUAL',
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
  expect(all).toHaveLength(9);
  expect(all).toContainEqual({ constants: { ROWS: 4, LANES: 64 } });
  expect(attention.variants({ ...traits, minSubgroupSize: 32 })).not.toContainEqual({
    constants: { ROWS: 4, LANES: 64 },
  });
  const labels = new Set(matmul.variants(traits).map((choice) => JSON.stringify(choice)));
  expect(labels).toContain('{"constants":{"ROWS":2,"TILES":1,"X_LANES":4,"K_TILE":16},"overrides":{"LANES":32}}');
  const narrow = matmul.variants({ ...traits, minSubgroupSize: 4 });
  // K_TILE needs more lanes than a tile has; 32 of it, 8 rows and 3 tiles are too much to share for 64 of them.
  expect(narrow).toHaveLength(4 * 3 * (3 + 2 * 2) - 1);
  expect(narrow.every(({ constants }) => constants?.X_LANES === 4)).toBe(true);
});

describe('a kernel that its shader contradicts prints both lists:', () => {
  const { spec } = layernorm;
  const { x, gamma, beta, out } = spec.bindings;

  test('bindings in another order', async () => {
    const swapped = defineKernel({ ...spec, bindings: { gamma, x, beta, out } });
    await expect(swapped.build(device)).rejects.toThrow(
      'layernorm: bindings of the shader are ' +
        '[0.0 x: read f32; 0.1 gamma: read f32; 0.2 beta: read f32; 0.3 out: read_write f32], the kernel declares ' +
        '[0.0 gamma: read f32; 0.1 x: read f32; 0.2 beta: read f32; 0.3 out: read_write f32]',
    );
  });

  test.each([
    { what: 'an element type', bindings: { x: read.i32('M', 'C'), gamma, beta, out }, list: '[0.0 x: read i32;' },
    { what: 'an access', bindings: { x, gamma, beta, out: read('M', 'C') }, list: '0.3 out: read f32]' },
    { what: 'a missing binding', bindings: { x, gamma, beta }, list: '0.2 beta: read f32]' },
  ])('$what', async ({ bindings, list }) => {
    const kernel = defineKernel({ ...spec, bindings });
    const error = await kernel.build(device).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KernelError);
    expect(String(error)).toContain('the kernel declares [0.0 x');
    expect(String(error)).toContain(list);
  });

  test('a condition that is misspelt in the shader', async () => {
    const kernel = mutant(gatherRows, [['out[global.y', '@if(RESIDUALL) out[global.y']]);
    await expect(kernel.build(device)).rejects.toThrow(
      'gather_rows: module gather_rows:13:7: condition RESIDUALL is not declared, expected no condition',
    );
  });

  test('a condition or constant that the shader does not use', async () => {
    const conditions = defineKernel({ ...spec, conditions: () => ({ W_F16: false }) });
    await expect(conditions.build(device)).rejects.toThrow(
      '@if conditions of the shader are [], the kernel declares [W_F16]',
    );
    const constants = defineKernel({ ...spec, constants: () => ({ ROWS: 1 }) });
    await expect(constants.build(device)).rejects.toThrow('constants of the shader are [], the kernel declares [ROWS]');
  });

  test('a name that is a condition and a constant', async () => {
    const kernel = defineKernel({ ...spec, conditions: () => ({ ROWS: false }), constants: () => ({ ROWS: 1 }) });
    await expect(kernel.build(device)).rejects.toThrow('ROWS is a condition and a constant, expected one of them');
  });

  test.each(['KV_WRITE', 'KV_F16'])('a matmul with %s, which needs bindings that it has not', async (name) => {
    await expect(matmul.build(device, { conditions: { [name]: true } })).rejects.toThrow(
      `matmul: ${name} is true, which only matmulKVWrite can be`,
    );
  });
});

describe('a shader for each algorithm', () => {
  const { shader: _, ...spec } = attention.spec;
  const choice = (SUBGROUPS: boolean) => ({ constants: { LANES: 8 }, conditions: { SUBGROUPS } });

  test('is the file of the condition that holds, else the other', async () => {
    const traits = { ...device.traits, minSubgroupSize: 8 };
    const files = [true, false].map((on) => shaderOf(attention.spec, attention.variant(traits, choice(on))));
    expect(files).toEqual(['attention_subgroup', 'attention_shared']);
    expect(await attention.wgsl(device, choice(false))).toContain('var<workgroup> scores');
  });

  test('must be chosen by what the kernel declares', async () => {
    const kernel = new Kernel({ ...spec, shader: { SUBGROUP: 'attention_subgroup', otherwise: 'attention_shared' } });
    await expect(kernel.build(device)).rejects.toThrow(
      /shader are .*, the kernel declares \[KV_F16; SPLIT; SUBGROUPS\]$/,
    );
  });
});

describe('a shader', () => {
  test('that is not there is named', async () => {
    const kernel = defineKernel({ ...gatherRows.spec, shader: 'nothing' });
    await expect(kernel.build(device)).rejects.toThrow(
      /^gather_rows: no shader file .*[\\/]shaders[\\/]nothing\.wgsl$/,
    );
  });

  test('that imports what is not there does not link, and shows the import', async () => {
    const kernel = mutant(matmul, [['import package::activation', 'import package::activations']]);
    await expect(kernel.build(device, { conditions: { GELU: true } })).rejects.toThrow(
      /^matmul: module matmul:\d+:\d+: module not found for 'package::activations::gelu'\n/,
    );
  });

  test('that is wrong WGSL gives a ShaderError with the label of kernel and variant, each time', async () => {
    const kernel = mutant(gatherRows, [['x[u32(rows[global.y])', 'x[vec2f(1.0)']]);
    for (let n = 0; n < 2; n++) {
      const error = await kernel.build(device).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ShaderError);
      expect(error).toMatchObject({ label: 'gather_rows[LANES=64]', file: 'module gather_rows' });
      expect(String(error)).toContain('vec2');
    }
  });

  test('that the driver refuses gives a GpuError too', async () => {
    const error = await gatherRows.build(device, { overrides: { LANES: 4096 } }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(GpuError);
    expect(String(error)).toContain('gather_rows[LANES=4096]: ');
    expect(String(error)).toContain('4096');
  });
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
    '{"ROWS":2,"K_TILE":16}',
    '{"ROWS":2,"K_TILE":32}',
    '{"ROWS":2,"LANES":8}',
    '{"ROWS":2,"LANES":64}',
  ]);
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

test('a condition that is the name of a constant holds where that is not 0', async () => {
  const tiled = { constants: { K_TILE: 16 }, overrides: { LANES: 32 } };
  expect(await matmul.wgsl(device, tiled)).toContain('workgroupBarrier');
  expect(await matmul.wgsl(device, { constants: { K_TILE: 0 } })).not.toContain('workgroupBarrier');
});

test('plain WGSL of a variant has no imports and no conditions left', async () => {
  const wgsl = await matmul.wgsl(device, { conditions: { GELU: true } });
  expect(wgsl).toContain('fn main');
  expect(wgsl).toContain('erfc');
  expect(wgsl).not.toMatch(/@if|import|package::|constants::/);
});
