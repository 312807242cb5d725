// Kernels over rows of logits with as many loads at once as a GPU's lanes have: the words are those of one load at a time.
// @module-tag sweep
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { adjustLogits } from '../../src/kernels/adjust-logits/adjust-logits.ts';
import { adjustedRows, adjustOperands } from '../../src/kernels/adjust-logits/operands.ts';
import { logprobs } from '../../src/kernels/logprobs/logprobs.ts';
import { logprobOperands, logprobRows } from '../../src/kernels/logprobs/operands.ts';
import { drawRows, sampleOperands } from '../../src/kernels/sample/operands.ts';
import { sample } from '../../src/kernels/sample/sample.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { runKernel, runOutputs } from '../support/kernels/run-kernel.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** Loads at once of a GPU's lanes. */
function gpuLoads(kernel: typeof sample | typeof logprobs | typeof adjustLogits): { readonly LOADS: number } {
  const { LOADS = 1 } = kernel.variant({ ...device.traits, isSoftware: false }).constants;
  expect(LOADS).toBeGreaterThanOrEqual(8);
  return { LOADS };
}

// Turns that are whole and one that is not.
const V = 1009;

test('log-probabilities', async () => {
  const { tensors, scalars } = logprobOperands(logprobRows(V));
  const want = await runKernel(device, logprobs, tensors, scalars);
  const constants = gpuLoads(logprobs);
  expect(await runKernel(device, logprobs, tensors, scalars, { constants })).toEqual(want);
  const faulty = mutant(logprobs, [['select(0u, weight, first + i * LANES < params.V)', 'weight']]);
  expect(await runKernel(device, faulty, tensors, scalars, { constants })).not.toEqual(want);
});

test('adjusted logits', async () => {
  const { tensors, scalars } = adjustOperands(adjustedRows(V));
  const want = await runKernel(device, adjustLogits, tensors, scalars);
  const constants = gpuLoads(adjustLogits);
  expect(await runKernel(device, adjustLogits, tensors, scalars, { constants })).toEqual(want);
  const faulty = mutant(adjustLogits, [['var id = first; id < params.V', 'var id = first + LANES; id < params.V']]);
  expect(await runKernel(device, faulty, tensors, scalars, { constants })).not.toEqual(want);
});

test('draws: a strip takes two turns, ids beyond `allowed` and rows that are not finite among them', async () => {
  const [numIds, allowed] = [40_000, 39_001];
  const filters = [{ temperature: 0 }, {}, { topK: 40 }, { topP: 0.9 }];
  const rows = filters.flatMap((filter) => drawRows(numIds, 2, 2, filter));
  for (const id of [7, 20_000, allowed]) rows[0]!.logits[id] = 99;
  rows[1]!.logits[numIds - 1] = Number.NaN;
  const { tensors, scalars } = sampleOperands(rows, { allowed });
  const want = await runOutputs(device, sample, tensors, scalars);
  expect([...want.sampled!.subarray(0, 4)]).toEqual([7, 1, 0, 0]);
  expect(await runOutputs(device, sample, tensors, scalars, { constants: gpuLoads(sample) })).toEqual(want);
});
