// Constrained and free requests mixed at random: both have the bits of their solo runs, logits included, and a fault shows.
// @module-tag sweep
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { tinyModels } from './fuzz-models.ts';
import { FuzzSession } from './fuzz-session.ts';
import { runMix } from './run-mix.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => device.close());

const [model] = tinyModels;

test('20 constrained and 20 free requests have the bits of their solo runs', async () => {
  await using session = await FuzzSession.open(device, model!);
  const { differences, numMixed } = await runMix(session, 1, 20);
  expect(differences).toEqual([]);
  expect(numMixed).toBeGreaterThan(20);
});

test('200 constrained and 200 free requests have the bits of their solo runs, in both classes', {
  tags: ['slow'],
}, async () => {
  for (const reduction of ['software', 'gpu'] as const) {
    using own = await Device.open({ reduction });
    for (const each of tinyModels.slice(0, 2)) {
      await using session = await FuzzSession.open(own, each);
      const { differences, numMixed } = await runMix(session, 2, 200);
      expect(differences).toEqual([]);
      expect(numMixed).toBeGreaterThan(200);
    }
  }
});

test('a mask that reaches a free row shows in a difference', async () => {
  const maskLogits = mutant(modelKernels.maskLogits, [
    ['let mask = rows[workgroup.y];', 'let mask = rows[workgroup.y - min(workgroup.y, 1u)];'],
  ]);
  await using session = await FuzzSession.open(device, model!, { ...modelKernels, maskLogits });
  expect((await runMix(session, 1, 12)).differences).not.toEqual([]);
});

test('a free row whose logits are not copied beside a mask shows in a difference', async () => {
  const maskLogits = mutant(modelKernels.maskLogits, [
    ['is_masked || params.copies != 0u', 'is_masked || (params.copies != 0u && mask != NO_MASK)'],
  ]);
  await using session = await FuzzSession.open(device, model!, { ...modelKernels, maskLogits });
  expect((await runMix(session, 1, 12)).differences).not.toEqual([]);
});
