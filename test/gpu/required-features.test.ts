// Kernels that need more than WebGPU's base: f16, workgroups beyond 256, and devices whose implementation wants no directive.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { findAdapter } from '#platform';
import { openDevice } from '../../src/gpu/device.ts';
import { refusedDirectives, withoutDirectives } from '../../src/gpu/directives.ts';
import { GpuError, KernelError } from '../../src/gpu/errors.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { errorOf } from '../support/error-of.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';

const devices = new TestDevices();
afterEach(() => vi.restoreAllMocks());

/** y[N] = 2 x[N] in halves. */
const doubled = defineKernel({
  name: 'doubled',
  source: `enable f16;
@group(0) @binding(0) var<storage, read> x: array<f16>;
@group(0) @binding(1) var<storage, read_write> y: array<f16>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < params.N) { y[id.x] = 2.0h * x[id.x]; }
}`,
  requires: ['shader-f16'],
  bindings: { x: read.f16('N'), y: write.f16('N') },
  params: { N: 'u32' },
  workgroups: ({ N }) => [Math.ceil(N / 64), 1, 1],
});

/** out[0] = sum of x[512] in one workgroup of as many lanes. */
const wide = defineKernel({
  name: 'wide',
  source: `var<workgroup> part: array<f32, 512>;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(512) fn main(@builtin(local_invocation_index) i: u32) {
  part[i] = x[i];
  for (var half = 256u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (i < half) { part[i] += part[i + half]; }
  }
  if (i == 0u) { out[0] = part[0]; }
}`,
  bindings: { x: read(512), out: write(1) },
  supports: (_, { maxWorkgroupInvocations }) => (maxWorkgroupInvocations < 512 ? 'needs workgroups of 512' : null),
  workgroups: () => [1, 1, 1],
});

describe('a kernel that requires shader-f16', () => {
  test('computes in halves where the device has it', async ({ skip }) => {
    const device = devices.auto;
    skip(!device.traits.f16, 'the adapter has no shader-f16');
    using x = Tensor.from(device, 'x', new Float16Array([1, 0.1, 40000]));
    using y = Tensor.create(device, 'y', 'f16', [3]);
    await doubled.run(device, { x, y }, {});
    const [two, fifth, infinite] = await y.read();
    expect([two, fifth]).toEqual([2, Math.f16round(2 * Math.f16round(0.1))]);
    expect(infinite).toBe(Number.POSITIVE_INFINITY);
  });

  test('is refused by a device without it, by name and with the mend', async () => {
    const error = await errorOf(() => doubled.build(devices.base));
    expect(error).toBeInstanceOf(KernelError);
    expect(String(error)).toContain('doubled: requires shader-f16, the device has ');
    expect(String(error)).toContain('openDevice({ requiredFeatures: ["shader-f16"] }) asks the adapter for it');
  });

  test('is declared with names', () => {
    const spec = { ...doubled.spec, requires: 'shader-f16' };
    expect(() => Reflect.apply(defineKernel, null, [spec])).toThrow(
      'doubled: requires is "shader-f16", expected names',
    );
  });
});

describe('a kernel of workgroups beyond 256', () => {
  test('runs where the adapter has them', async ({ skip }) => {
    const device = devices.auto;
    skip(device.traits.maxWorkgroupInvocations < 512, 'the adapter has no workgroups of 512');
    using x = Tensor.from(
      device,
      'x',
      Array.from({ length: 512 }, (_, i) => i),
    );
    using out = Tensor.create(device, 'out', 'f32', [1]);
    await wide.run(device, { x, out }, {});
    expect(await out.readF32()).toEqual(new Float32Array([(511 * 512) / 2]));
  });

  test('is refused by a base device, by its declaration and by the driver', async () => {
    await expect(wide.build(devices.base)).rejects.toThrow('wide: needs workgroups of 512');
    const { supports: _, ...undeclared } = wide.spec;
    await expect(defineKernel(undeclared).build(devices.base)).rejects.toThrow(GpuError);
  });
});

describe('the directive of subgroups', () => {
  const code = 'enable subgroups;\nfn f() {}';

  test('stays where the implementation knows it', async () => {
    expect(devices.auto.refusedDirectives).toEqual([]);
    expect(withoutDirectives(code, [])).toBe(code);
  });

  test('is left out where the implementation refuses it, and what follows stays where it is', async () => {
    const { adapter } = await findAdapter();
    const gpu = await adapter.requestDevice(
      adapter.features.has('subgroups') ? { requiredFeatures: ['subgroups'] } : undefined,
    );
    const real = gpu.createShaderModule.bind(gpu);
    const compiled: string[] = [];
    vi.spyOn(gpu, 'createShaderModule').mockImplementation((descriptor) => {
      compiled.push(descriptor.code);
      // As naga: it compiles subgroup operations, and does not know the directive.
      if (descriptor.code.includes('enable subgroups;')) return real({ ...descriptor, code: 'no WGSL' });
      return real({ ...descriptor, code: `enable subgroups;${descriptor.code}` });
    });
    vi.spyOn(gpu, 'features', 'get').mockReturnValue(new Set(['subgroups']));
    expect(await refusedDirectives(gpu)).toEqual(['enable subgroups;']);
    expect(withoutDirectives(code, ['enable subgroups;'])).toBe(`${' '.repeat(17)}\nfn f() {}`);
    if (!adapter.features.has('subgroups')) return gpu.destroy();
    using device = await openDevice({ gpu, ownsGpu: true });
    const kernel = defineKernel({
      name: 'lanes',
      source: `enable subgroups;
@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { y[i] = subgroupMax(i); }`,
      bindings: { y: write.u32(4) },
      workgroups: () => [1, 1, 1],
    });
    using y = Tensor.create(device, 'y', 'u32', [4]);
    await kernel.run(device, { y }, {});
    expect(await y.read()).toEqual(new Uint32Array([3, 3, 3, 3]));
    expect(await kernel.wgsl(device)).not.toContain('enable');
    expect(compiled.at(-1)).not.toContain('enable');
  });
});

test('no shader of the package needs an extension of the language', async () => {
  const { shaderSources } = await import('../../src/gpu/shader-sources.ts');
  const directives = Object.values(shaderSources()).flatMap((text) => text.match(/^(?:enable|requires) .*$/gm) ?? []);
  expect(new Set(directives)).toEqual(new Set(['enable subgroups;']));
});
