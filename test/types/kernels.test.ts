// Read by `tsc`, not run: each expected error must be one, and nothing else may be.
import { expectTypeOf, test } from 'vitest';
import {
  type Device,
  defineKernel,
  embed,
  layernorm,
  matmul,
  type PackedWeight,
  Recorder,
  read,
  type Tensor,
  type TensorData,
  time,
  write,
} from '../../src/kernels/index.ts';

declare const device: Device;
declare const t: Tensor;
declare const w: PackedWeight;
declare const embedTensors: Parameters<typeof embed.run>[1];
const eps = 1e-5;

/** y[N] = a · x[N] */
const scale = defineKernel({
  name: 'scale',
  bindings: { x: read('N'), y: write('N') },
  params: { N: 'u32', a: 'f32' },
  extras: ['count'],
  conditions: () => ({ FAST: false }),
  workgroups: ({ count = 0 }) => [count, 1, 1],
  cost: ({ N = 0 }) => ({ bytes: 8 * N, flops: N }),
});

test('a kernel takes the tensors that it declares and no others', () => {
  expectTypeOf<Parameters<typeof scale.run>[1]>().toEqualTypeOf<{ readonly x: Tensor; readonly y: Tensor }>();
  void (() => [
    layernorm.run(device, { x: t, gamma: t, beta: t, out: t }, { eps }),
    // @ts-expect-error: beta is missing
    layernorm.run(device, { x: t, gamma: t, out: t }, { eps }),
    // @ts-expect-error: there is no weight
    layernorm.run(device, { x: t, gamma: t, beta: t, out: t, weight: t }, { eps }),
    // @ts-expect-error: an array is no tensor
    layernorm.run(device, { x: Float32Array.of(1), gamma: t, beta: t, out: t }, { eps }),
    // @ts-expect-error: gama
    new Recorder(device).add(layernorm, { x: t, gama: t, beta: t, out: t }, { eps }),
  ]);
});

test('a kernel takes the scalars that no tensor determines, and no others', () => {
  expectTypeOf<Parameters<typeof scale.run>[2]>().toEqualTypeOf<{ readonly a: number; readonly count: number }>();
  void (() => [
    // @ts-expect-error: eps is missing
    layernorm.run(device, { x: t, gamma: t, beta: t, out: t }, {}),
    // @ts-expect-error: there is no epsilon
    layernorm.run(device, { x: t, gamma: t, beta: t, out: t }, { eps, epsilon: 1 }),
    // @ts-expect-error: N comes from x
    layernorm.run(device, { x: t, gamma: t, beta: t, out: t }, { eps, N: 1 }),
    // @ts-expect-error: a number
    scale.dispatch(device, { x: t, y: t }, { a: '1', count: 1 }),
  ]);
});

test('a weight is packed, and a tensor is not', () => {
  void (() => [
    matmul.run(device, { x: t, w, bias: t, out: t }, { first: 0 }),
    // @ts-expect-error: a tensor does not know its K, N and storage type
    matmul.run(device, { x: t, w: t, bias: t, out: t }, { first: 0 }),
    // @ts-expect-error: x is no weight
    matmul.run(device, { x: w, w, bias: t, out: t }, { first: 0 }),
    // @ts-expect-error: N comes from wte
    new Recorder(device).add(embed, embedTensors, { N: 1, first: 0 }),
    new Recorder(device).add(embed, embedTensors, { first: 0 }),
  ]);
});

test('a choice names what the kernel declares, and nothing else', () => {
  void (() => [
    matmul.wgsl(device, { conditions: { GELU: true }, constants: { ROWS: 2 }, overrides: { LANES: 8 } }),
    // @ts-expect-error: GELUU
    matmul.wgsl(device, { conditions: { GELUU: true } }),
    // @ts-expect-error: LANES is an override
    matmul.build(device, { constants: { LANES: 8 } }),
    // @ts-expect-error: layernorm has no overrides
    layernorm.build(device, { overrides: { LANES: 8 } }),
    // @ts-expect-error: a boolean
    scale.build(device, { conditions: { FAST: 1 } }),
    // @ts-expect-error: no such kind
    scale.build(device, { tunables: { FAST: true } }),
    // @ts-expect-error: SLOW
    time(device, scale, { x: t, y: t }, { a: 1, count: 1 }, { choice: { conditions: { SLOW: true } } }),
    ...matmul.variants(device.traits).map((choice) => matmul.build(device, choice)),
  ]);
});

test('a cost depends on sizes of the kernel', () => {
  expectTypeOf<Parameters<typeof scale.cost>[0]>().toEqualTypeOf<{
    readonly N?: number;
    readonly a?: number;
    readonly count?: number;
  }>();
  // @ts-expect-error: no such size
  void (() => layernorm.cost({ N: 1, C: 1, K: 1 }));
});

test('a tensor gives what it holds', () => {
  expectTypeOf<Tensor['read']>().returns.resolves.toEqualTypeOf<TensorData>();
  expectTypeOf<Tensor['readF32']>().returns.resolves.toEqualTypeOf<Float32Array>();
});
