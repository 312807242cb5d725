// Dispatches against the kernel's declaration: each tensor or scalar that contradicts it is refused by name, before
// anything runs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { KernelError } from '../../src/gpu/errors.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import type { ScalarsOf } from '../../src/gpu/kernel-spec.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { attentionFold } from '../../src/kernels/attention/attention.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { packWeight } from '../../src/kernels/weights/pack-weight.ts';
import type { PackedWeight } from '../../src/kernels/weights/packed-weight.ts';

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
