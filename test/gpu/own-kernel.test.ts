// Kernels that a user declares: they run in all variants, import the package's modules, and pass the same checks as the
// library's.
import { afterAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../src/gpu/tensor.ts';

/** y = factor · x, in f32. */
const scale = defineKernel({
  name: 'scale',
  source: `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
override LANES: u32;
@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.N) { y[id.x] = params.factor * x[id.x]; }
}`,
  bindings: { x: read('N'), y: write('N') },
  params: { N: 'u32', factor: 'f32' },
  overrides: () => ({ LANES: 64 }),
  tunables: { LANES: [32, 64] },
  workgroups: ({ N }, { overrides: { LANES } }) => [Math.ceil(N / LANES), 1, 1],
  cost: ({ N }) => ({ bytes: 8 * N, flops: N }),
});

/** y = factor · gelu_new(x), over packed f16. */
const scaleHalves = defineKernel({
  ...scale.spec,
  name: 'scale_halves',
  source: `import package::activation::gelu_new;
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
override LANES: u32;
@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (2 * id.x >= params.N) { return; }
  let pair = unpack2x16float(x[id.x]);
  y[id.x] = pack2x16float(params.factor * vec2f(gelu_new(pair.x), gelu_new(pair.y)));
}`,
  bindings: { x: read.f16('N'), y: write.f16('N') },
});

const open = new Map<string, Device>();
async function deviceOf(features: 'auto' | 'base'): Promise<Device> {
  const device = open.get(features) ?? (await Device.open({ features }));
  open.set(features, device);
  return device;
}
afterAll(() => {
  for (const device of open.values()) device.close();
});

describe.each(['auto', 'base'] as const)("a kernel over one's own WGSL, with %s features,", (features) => {
  test('runs in all its variants', async () => {
    const device = await deviceOf(features);
    const numbers = Float32Array.from({ length: 77 }, (_, i) => i - 38.5);
    using x = Tensor.from(device, 'x', numbers);
    for (const choice of scale.variants(device.traits)) {
      using y = Tensor.create(device, 'y', 'f32', [77]);
      await scale.run(device, { x, y }, { factor: 2 }, choice);
      expect(await y.read()).toEqual(numbers.map((value) => 2 * value));
    }
  });

  test('takes an i32 and leaves out what has a default', async () => {
    const device = await deviceOf(features);
    const shift = defineKernel({
      name: 'shift',
      source: `@group(0) @binding(0) var<storage, read_write> y: array<i32>;
@compute @workgroup_size(1) fn main() { y[0] = params.by * params.times; }`,
      bindings: { y: write.i32(1) },
      params: { times: 'i32', by: 'i32' },
      defaults: { times: 2 },
      workgroups: () => [1, 1, 1],
    });
    using y = Tensor.create(device, 'y', 'i32', [1]);
    await shift.run(device, { y }, { by: -3 });
    expect(await y.read()).toEqual(Int32Array.of(-6));
    await shift.run(device, { y }, { by: -3, times: -1 });
    expect(await y.read()).toEqual(Int32Array.of(3));
    for (const by of [2 ** 31, -(2 ** 31) - 1, 0.5]) {
      await expect(shift.run(device, { y }, { by })).rejects.toThrow(`shift: scalar by is ${by}, expected i32`);
    }
  });

  test('may import from the shaders of the package and read f16', async () => {
    const device = await deviceOf(features);
    using x = Tensor.from(device, 'x', Float16Array.of(0, 20, -20, 1, 6));
    using y = Tensor.create(device, 'y', 'f16', [5]);
    await scaleHalves.run(device, { x, y }, { factor: 0.5 });
    const got = await y.read();
    expect([got[0], got[1], got[2], got[4]]).toEqual([0, 10, 0, 3]);
    // gelu_new(1) = 0.841192; f16 has 11 bits of mantissa.
    expect(Math.abs(got[3]! - 0.841192 / 2)).toBeLessThan(2 ** -12);
  });

  test('is checked as the others are', async () => {
    const device = await deviceOf(features);
    using x = Tensor.from(device, 'x', [1, 2]);
    await expect(scaleHalves.run(device, { x, y: x }, { factor: 1 })).rejects.toThrow(
      'scale_halves: x is f32, expected f16',
    );
    await expect(scale.run(device, { x, y: x }, { factor: 1 })).rejects.toThrow(
      'scale: x and y are the same buffer and one of them is written',
    );
    const doubled = defineKernel({ ...scale.spec, source: `struct Params { N: u32 }${scale.spec.source}` });
    await expect(doubled.build(device)).rejects.toThrow('scale: the shader declares Params, but the kernel does');
    const wrong = defineKernel({ ...scale.spec, bindings: { x: read.f16('N'), y: write('N') } });
    await expect(wrong.build(device)).rejects.toThrow(
      'scale: bindings of the shader are [0.0 x: read f32; 0.1 y: read_write f32], ' +
        'the kernel declares [0.0 x: read u32; 0.1 y: read_write f32]',
    );
  });
});
