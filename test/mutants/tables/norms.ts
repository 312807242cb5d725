// Quick tables of the norms, in both classes.
import { Device } from '../../../src/gpu/device.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { layernorm } from '../../../src/kernels/layernorm/layernorm.ts';
import { layernormNaive } from '../../../src/kernels/layernorm/layernorm-naive.ts';
import { layernormInputs } from '../../../src/kernels/layernorm/operands.ts';
import { rmsnormInputs } from '../../../src/kernels/rmsnorm/operands.ts';
import { rmsnorm } from '../../../src/kernels/rmsnorm/rmsnorm.ts';
import { rmsnormNaive } from '../../../src/kernels/rmsnorm/rmsnorm-naive.ts';
import { expectSameBits, expectWithin } from '../../support/kernels/expect-within.ts';
import {
  checkLayernorm,
  checkLayernormNaive,
  checkLayernormOrder,
  runLayernorm,
} from '../../support/kernels/layernorm-case.ts';
import { checkRmsnorm, checkRmsnormNaive, checkRmsnormOrder, runRmsnorm } from '../../support/kernels/rmsnorm-case.ts';
import type { Replace } from '../replace.ts';
import type { Table } from './table.ts';

async function checkLayernormsNaive(device: Device, replace: Replace): Promise<void> {
  for (const C of [1, 33, 257]) await checkLayernormNaive(device, C, replace(layernormNaive));
}

async function checkLayernorms(
  device: Device,
  replace: Replace,
  lengths: readonly number[] = [1, 33, 257],
): Promise<void> {
  const kernel = replace(layernorm);
  for (const C of lengths) await checkLayernorm(device, C, kernel);
  await checkLayernormOrder(device, kernel);
  const row = { x: Float32Array.of(-1, 1), gamma: Float32Array.of(1, 1), beta: Float32Array.of(0, 0), eps: 3 };
  expectWithin(floatsOf(await runLayernorm(device, row, kernel)), [-0.5, 0.5], [0, 0], 'epsilon 3');
  const inputs = layernormInputs(1, 60);
  const [together, alone] = [inputs, { ...inputs, x: inputs.x.slice(-60) }];
  const words = await runLayernorm(device, together, kernel);
  expectSameBits(await runLayernorm(device, alone, kernel), words.slice(-60), 'alone');
}

async function checkWideLayernorms(_: Device, replace: Replace): Promise<void> {
  using device = await Device.open({ reduction: 'gpu' });
  await checkLayernorms(device, replace, [1, 257, 2309]);
}

async function checkRmsnorms(
  device: Device,
  replace: Replace,
  lengths: readonly number[] = [1, 33, 257],
): Promise<void> {
  const kernel = replace(rmsnorm);
  for (const C of lengths) await checkRmsnorm(device, C, kernel);
  await checkRmsnormOrder(device, kernel);
  const row = { x: Float32Array.of(-1, 1), gamma: Float32Array.of(1, 3), eps: 3 };
  expectWithin(floatsOf(await runRmsnorm(device, row, kernel)), [-0.5, 1.5], [0, 0], 'epsilon 3');
  const inputs = rmsnormInputs(1, 60);
  const words = await runRmsnorm(device, inputs, kernel);
  const alone = await runRmsnorm(device, { ...inputs, x: inputs.x.slice(-60) }, kernel);
  expectSameBits(alone, words.slice(-60), 'alone');
}

async function checkWideRmsnorms(_: Device, replace: Replace): Promise<void> {
  using device = await Device.open({ reduction: 'gpu' });
  await checkRmsnorms(device, replace, [1, 257, 2309]);
}

async function checkRmsnormsNaive(device: Device, replace: Replace): Promise<void> {
  for (const C of [1, 33, 257]) await checkRmsnormNaive(device, C, replace(rmsnormNaive));
}

/** Tables of layer norm and RMS norm. */
export const NORM_TABLES: readonly Table[] = [
  { shaders: ['layernorm'], check: checkLayernorms },
  { shaders: ['layernorm_wide'], check: checkWideLayernorms },
  { shaders: ['layernorm_naive'], check: checkLayernormsNaive },
  { shaders: ['rmsnorm'], check: checkRmsnorms },
  { shaders: ['rmsnorm_wide'], check: checkWideRmsnorms },
  { shaders: ['rmsnorm_naive'], check: checkRmsnormsNaive },
];
