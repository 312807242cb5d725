// The kernels of this library as a stranger's: those that a small model takes, with their lanes in every order and with subgroups of
// every size, have the bits that the doctor finds right.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { workOf } from '../../src/doctor/subject.ts';
import { Device } from '../../src/gpu/device.ts';
import { modelVariants } from '../../src/gpu/kernel-variants.ts';
import type { Launch } from '../../src/kernels/examination.ts';
import { examinations } from '../../src/kernels/examinations.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { parseModel } from '../../src/models/registry.ts';
import { runGuarded } from '../../src/testing/check-kernel.ts';
import { furthestElement } from '../../src/testing/furthest.ts';
import { LANE_ORDERS } from '../../src/testing/lane-orders.ts';

const CONFIG = { n_layer: 1, n_head: 2, n_embd: 128, n_inner: 100, vocab_size: 331, n_positions: 256 };
const model = parseModel(CONFIG, 'small');

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** Runs every case once in its base variant and in those of the model; returns how many dispatches there were. */
async function runAll(subgroups: 'own' | 'all'): Promise<number> {
  let dispatches = 0;
  const launch: Launch = async (kernel, { tensors, scalars }, output, choice) => {
    dispatches++;
    const outputs = await runGuarded(device, kernel, tensors, scalars, { choice, lanes: LANE_ORDERS, subgroups });
    const { buffer, byteOffset, byteLength } = outputs[output]!;
    return new Uint32Array(buffer, byteOffset, byteLength / 4);
  };
  const subject = { device, kernels: modelKernels, model, storage: 'f16', kvDtype: 'f32' } as const;
  for (const { cases } of examinations(workOf(subject))) {
    for (const { kernel, fixed, model: chosen, whole, expected } of cases) {
      for (const { choice, label } of modelVariants(kernel, device.traits, fixed, chosen)) {
        const got = expected.toNumbers(await whole.run(launch, choice));
        const { numWrong } = furthestElement({
          got,
          wantOf: (i) => expected.want[i]!,
          toleranceOf: (i) => expected.tolerance?.[i] ?? 0,
        });
        expect(numWrong, `${label}, ${whole.what}`).toBe(0);
      }
    }
  }
  return dispatches;
}

describe('the kernels of a model', { tags: ['slow'] }, () => {
  test('have the same bits in every order of lanes', async () => {
    expect(await runAll('own')).toBeGreaterThan(10);
  });

  test('and with subgroups of every size', async () => {
    expect(await runAll('all')).toBeGreaterThan(10);
  });
});
