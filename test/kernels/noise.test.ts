// The shaders' random numbers, exp and ln, against their twins in TypeScript.
import { afterAll, beforeAll, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { checkNoise } from '../support/kernels/exp-ln-case.ts';
import { checkRng } from '../support/kernels/rng-case.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

test("the shader's hash and uniform numbers have the bits of their twins", () => checkRng(device));

test('exp, ln and Gumbel noise are right to a few units in the last place, and noise is within its bound', () =>
  checkNoise(device));
