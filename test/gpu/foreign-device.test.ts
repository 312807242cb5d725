// A GPUDevice from elsewhere: derived traits, an owner who keeps it, and what is required of a device, refused by name.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findAdapter } from '#platform';
import { identityOf } from '../../src/gpu/adapter.ts';
import { Device, openDevice } from '../../src/gpu/device.ts';
import { DeviceLostError, GpuError, RequirementError } from '../../src/gpu/errors.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { gatherRows } from '../../src/kernels/gather-rows/gather-rows.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { errorOf } from '../support/error-of.ts';

/** A GPUDevice that is opened past the package, as another library would. */
async function requestGpu(descriptor: GPUDeviceDescriptor = {}): Promise<GPUDevice> {
  const { adapter } = await findAdapter();
  return adapter.requestDevice(descriptor);
}

let gpu: GPUDevice;
beforeAll(async () => {
  gpu = await requestGpu();
});
afterAll(() => gpu.destroy());

describe('a device over a GPUDevice from elsewhere', () => {
  test('has the traits that its features and limits allow, and runs kernels', async () => {
    using device = await openDevice({ gpu });
    const { isFallbackAdapter, vendor } = gpu.adapterInfo;
    expect(device.gpu).toBe(gpu);
    expect(device.traits).toMatchObject({ minSubgroupSize: 0, f16: false, timestamps: false, vendor });
    expect(device.traits).toMatchObject({ maxWorkgroupInvocations: 256, isSoftware: isFallbackAdapter });
    expect(device.identity).toMatchObject({ backend: 'webgpu', webgpu: navigator.userAgent });
    expect(device.identity.name).not.toBe('');
    using input = Tensor.from(device, 'input', [1, 2, 3, 4], [2, 2]);
    using rows = Tensor.from(device, 'rows', new Int32Array([1, 0]));
    using out = Tensor.create(device, 'out', 'f32', [2, 2]);
    await gatherRows.run(device, { x: input, rows, out }, {});
    expect(await out.readF32()).toEqual(new Float32Array([3, 4, 1, 2]));
  });

  test('takes optional features where it has them, and none for features: base', async () => {
    const { adapter } = await findAdapter();
    const requiredFeatures = (['subgroups', 'timestamp-query'] as const).filter((name) => adapter.features.has(name));
    const other = await adapter.requestDevice({ requiredFeatures });
    using device = await openDevice({ gpu: other, ownsGpu: true });
    using base = await openDevice({ gpu: other, features: 'base' });
    expect(device.traits.minSubgroupSize > 0).toBe(requiredFeatures.includes('subgroups'));
    expect(device.traits.timestamps).toBe(requiredFeatures.includes('timestamp-query'));
    expect(base.traits).toMatchObject({ minSubgroupSize: 0, timestamps: false });
  });

  test.each(['software', 'gpu'] as const)(
    'sums in the order of the class %s where it is asked to',
    async (reduction) => {
      using device = await openDevice({ gpu, reduction });
      expect([device.traits.reduction, device.identity.reduction]).toEqual([reduction, reduction]);
    },
  );

  test('leaves it to its owner when it is closed, and frees what it made', async () => {
    const device = await openDevice({ gpu });
    const tensor = Tensor.create(device, 'mine', 'f32', [4]);
    const destroyed = vi.spyOn(tensor.range.buffer, 'destroy');
    device.close();
    expect(destroyed).toHaveBeenCalledOnce();
    expect(device.loss).toBeInstanceOf(DeviceLostError);
    using again = await openDevice({ gpu });
    using other = Tensor.from(again, 'other', [7]);
    expect(await other.readF32()).toEqual(new Float32Array([7]));
  });

  test('ends readbacks that are pending when it is closed', async () => {
    const device = await openDevice({ gpu });
    const tensor = Tensor.create(device, 'mine', 'f32', [4]);
    const pending = tensor.read();
    const reading = errorOf(() => pending);
    device.close();
    expect(await reading).toBeInstanceOf(DeviceLostError);
  });

  test('hears errors of the GPUDevice no more once it is closed', async () => {
    const other = await requestGpu();
    const heard = vi.fn();
    const device = await openDevice({ gpu: other });
    other.createBuffer({ size: 4, usage: 0xffff });
    expect(() => device.throwIfFailed()).toThrow(GpuError);
    device.close();
    other.addEventListener('uncapturederror', heard);
    other.createBuffer({ size: 4, usage: 0xffff });
    expect(heard.mock.calls).toEqual([[expect.objectContaining({ defaultPrevented: false })]]);
    other.destroy();
  });

  test('destroys it when it was handed over', async () => {
    const other = await requestGpu();
    const device = await openDevice({ gpu: other, ownsGpu: true });
    device.close();
    expect(await other.lost).toMatchObject({ reason: 'destroyed' });
  });

  test('is not opened over one that is lost', async () => {
    const other = await requestGpu();
    other.destroy();
    await other.lost;
    expect(await errorOf(() => openDevice({ gpu: other }))).toBeInstanceOf(DeviceLostError);
  });
});

test('an adapter is named by what WebGPU tells of it, if little', () => {
  const names = [{ description: 'A card', vendor: 'v' }, { vendor: 'nvidia', architecture: 'ampere', device: '' }, {}];
  expect(names.map((info) => identityOf(info).name)).toEqual(['A card', 'nvidia ampere', 'unknown']);
  expect(identityOf({ isFallbackAdapter: true })).toMatchObject({ isSoftware: true, driver: 'unknown' });
});

describe('what is required', () => {
  test('is requested, beyond what a base device has', async () => {
    const { adapter } = await findAdapter();
    const most = adapter.limits.maxComputeInvocationsPerWorkgroup;
    const requiredFeatures = [...adapter.features].filter((name) => name === 'shader-f16');
    using device = await openDevice({
      features: 'base',
      requiredFeatures,
      requiredLimits: { maxComputeInvocationsPerWorkgroup: most, minStorageBufferOffsetAlignment: 256 },
    });
    expect(device.traits).toMatchObject({ f16: requiredFeatures.length > 0, maxWorkgroupInvocations: most });
    expect(device.traits).toMatchObject({ minSubgroupSize: 0, timestamps: false });
  });

  test('is taken by default where the adapter has it', async () => {
    const { adapter } = await findAdapter();
    using device = await openDevice();
    expect(device.traits).toMatchObject({
      f16: adapter.features.has('shader-f16'),
      maxWorkgroupInvocations: adapter.limits.maxComputeInvocationsPerWorkgroup,
    });
  });

  test('is compared with the features and limits of a GPUDevice from elsewhere', async () => {
    using device = await openDevice({ gpu, requiredLimits: { maxComputeWorkgroupSizeX: 256 } });
    expect(device.gpu).toBe(gpu);
    const error = await errorOf(() => openDevice({ gpu, requiredFeatures: ['shader-f16'] }));
    expect(String(error)).toMatch(/^RequirementError: requiredFeatures has "shader-f16", gpu on .* has \S/);
    expect(error).toMatchObject({ requirement: 'shader-f16', required: true, available: false });
  });

  test('and lacking is refused with the numbers', async () => {
    const { adapter } = await findAdapter();
    const { maxComputeWorkgroupSizeX: most, minUniformBufferOffsetAlignment: least } = adapter.limits;
    const tooLarge = await errorOf(() => openDevice({ requiredLimits: { maxComputeWorkgroupSizeX: most + 1 } }));
    expect(tooLarge).toBeInstanceOf(RequirementError);
    expect(tooLarge).toMatchObject({ requirement: 'maxComputeWorkgroupSizeX', required: most + 1, available: most });
    expect(String(tooLarge)).toContain(
      `requiredLimits.maxComputeWorkgroupSizeX is ${most + 1}, expected at most the ${most} of adapter `,
    );
    const tooFine = await errorOf(() => openDevice({ requiredLimits: { minUniformBufferOffsetAlignment: least / 2 } }));
    expect(String(tooFine)).toContain(`is ${least / 2}, expected at least the ${least} of adapter `);
  });
});

/** Options as a caller without types may write them. */
const mistakes: readonly (readonly [what: string, options: () => unknown, message: string | RegExp])[] = [
  [
    'an adapter for a device',
    async () => ({ gpu: (await findAdapter()).adapter }),
    /^gpu is an object.*, expected a GPUDevice, as await adapter\.requestDevice\(\) gives$/,
  ],
  [
    'a promise of one',
    () => ({ gpu: Promise.resolve(gpu) }),
    /^gpu is an object of class Promise, expected a GPUDevice/,
  ],
  ['null', () => ({ gpu: null }), /^gpu is null, expected a GPUDevice/],
  [
    'a Device of the package',
    async () => ({ gpu: await Device.open({ gpu }) }),
    /^gpu is an object of class Device, expected a GPUDevice/,
  ],
  [
    'a misspelt option',
    () => ({ GPU: gpu }),
    /^key of options of a device is "GPU", expected one of .*\(did you mean "gpu"\?\)$/,
  ],
  [
    'an adapter beside gpu',
    () => ({ gpu, adapter: 'llvm' }),
    'adapter is "llvm", expected to be left out with gpu, whose adapter is chosen already',
  ],
  ['the owner of nothing', () => ({ ownsGpu: true }), 'ownsGpu is true, expected to be left out without gpu'],
  [
    'one feature for a list',
    () => ({ requiredFeatures: 'shader-f16' }),
    'requiredFeatures is "shader-f16", expected a list of names of features, such as ["shader-f16"]',
  ],
  [
    'a misspelt feature',
    () => ({ requiredFeatures: ['timestamp_query'] }),
    /^requiredFeatures has "timestamp_query", adapter .* has .*\(did you mean "timestamp-query"\?\)$/,
  ],
  [
    'a misspelt limit',
    () => ({ requiredLimits: { maxComputeInvocationPerWorkgroup: 512 } }),
    /^key of requiredLimits is .*\(did you mean "maxComputeInvocationsPerWorkgroup"\?\)$/,
  ],
  [
    'a text for a limit',
    () => ({ requiredLimits: { maxBufferSize: '1' } }),
    /^requiredLimits is an object, expected numbers ≥ 0 by names of limits/,
  ],
  [
    'a list of limits',
    () => ({ requiredLimits: ['maxBufferSize'] }),
    /^requiredLimits is \["maxBufferSize"\], expected numbers ≥ 0 by names of limits/,
  ],
  ['a text for a switch', () => ({ zeroWorkgroupMemory: 'no' }), 'zeroWorkgroupMemory is "no", expected true or false'],
];

test.each(mistakes)('%s is refused in one line that names what was expected', async (_what, options, message) => {
  const given: object = Object(await options());
  const error = await errorOf(() => openDevice(given));
  expect(error).toBeInstanceOf(error instanceof RequirementError ? RequirementError : RangeValueError);
  const text = error instanceof Error ? error.message : '';
  expect(text).toMatch(message);
  expect(text).not.toContain('\n');
  const { gpu: given2 }: { gpu?: unknown } = given;
  if (given2 instanceof Device) given2.close();
});
