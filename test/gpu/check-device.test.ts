// What is no device is refused by name wherever a device comes first; a promise of one is what a forgotten await leaves.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { profile } from '../../src/gpu/profiler.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { packWeight } from '../../src/kernels/weights/pack-weight.ts';
import { checkKernel } from '../../src/testing/check-kernel.ts';
import { baselineOf } from '../../src/timing/baseline.ts';
import { compare } from '../../src/timing/compare.ts';
import { measureRoofline } from '../../src/timing/roofline-probe.ts';
import { time, timeProgram } from '../../src/timing/time.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

const CALLS: Readonly<Record<string, (one: unknown) => unknown>> = {
  'Tensor.create': (one) => Reflect.apply(Tensor.create, Tensor, [one, 'x', 'f32', [2]]),
  'Tensor.from': (one) => Reflect.apply(Tensor.from, Tensor, [one, 'x', [1, 2]]),
  packWeight: (one) => Reflect.apply(packWeight, null, [one, 'w', new Float32Array(4), [2, 2]]),
  Recorder: (one) => Reflect.construct(Recorder, [one]),
  'kernel.run': (one) => Reflect.apply(layernorm.run, layernorm, [one, {}, {}]),
  'kernel.build': (one) => Reflect.apply(layernorm.build, layernorm, [one]),
  profile: (one) => Reflect.apply(profile, null, [one, {}]),
  time: (one) => Reflect.apply(time, null, [one, layernorm, {}, {}]),
  timeProgram: (one) => Reflect.apply(timeProgram, null, [one, {}]),
  compare: (one) => Reflect.apply(compare, null, [one, []]),
  measureRoofline: (one) => Reflect.apply(measureRoofline, null, [one]),
  checkKernel: (one) => Reflect.apply(checkKernel, null, [one, layernorm, {}, {}, {}]),
};

test.each(Object.entries(CALLS))('%s refuses what is no device', async (_, call) => {
  const refused = async (one: unknown) => call(one);
  await expect(refused(undefined)).rejects.toThrow(/^device is undefined, expected what openDevice opens$/);
  await expect(refused({ features: 'base' })).rejects.toThrow(/^device is an object, expected what openDevice opens$/);
  await expect(refused(Promise.resolve(device))).rejects.toThrow(
    /^device is an object of class Promise, expected what it resolves to: await openDevice\(\)$/,
  );
});

test('baselineOf takes what has the identity of a device', () => {
  expect(baselineOf({ identity: device.identity }, []).timings).toEqual([]);
  expect(() => Reflect.apply(baselineOf, null, [undefined, []])).toThrow(
    'device is undefined, expected what openDevice opens',
  );
});
