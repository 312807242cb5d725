// Errors of GPU calls past the API, such as those of a script that shares the device, while models run on it: each is
// thrown once and ends no request.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { GpuError } from '../../src/gpu/errors.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import type { ModelRunner } from '../../src/runtime/model-runner.ts';
import { openRunner, places, step, TestSequence } from '../support/models/model-session.ts';

const NUM_STEPS = 6;

let device: Device;
let script: Tensor;
let runners: ModelRunner[];
let want: Float32Array[];
beforeAll(async () => {
  device = await Device.open();
  script = Tensor.create(device, 'script', 'f32', [4]);
  const open = () => openRunner(device, 'test/fixtures/models/two', { maxBatchSize: 1 });
  runners = [await open(), await open()];
  const sequence = newSequence(runners[0]!);
  while (sequence.logits.length < NUM_STEPS) await step(runners[0]!, [sequence]);
  want = sequence.logits;
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(async () => {
  for (const runner of runners) await runner.close();
  device.close();
});

function newSequence(runner: ModelRunner): TestSequence {
  return new TestSequence([1, 2, 3], places(runner, 1, 3 + NUM_STEPS)[0]!);
}

/** A write beyond the end. */
function makeMistake(): void {
  device.gpu.queue.writeBuffer(script.range.buffer, 1024, new Uint8Array(4));
}

describe.each([1, 2, 3])('%i mistakes before each of some steps', (count) => {
  test.each([1, 2, 3])('fail each of %i steps once, and change no bit of the others', async (numBroken) => {
    const [runner] = runners;
    const sequence = newSequence(runner!);
    let numFailed = 0;
    for (let n = 0; n < numBroken; n++) {
      for (let i = 0; i < count; i++) makeMistake();
      const failing = step(runner!, [sequence]);
      await expect(failing).rejects.toThrow(GpuError);
      numFailed++;
      await step(runner!, [sequence]);
    }
    while (sequence.logits.length < NUM_STEPS) await step(runner!, [sequence]);
    expect(numFailed).toBe(numBroken);
    expect(sequence.logits).toEqual(want);
  });
});

test('a mistake during a step costs the step nothing, and one call of anybody one error', async () => {
  const sequences = runners.map(newSequence);
  const pending = runners.map((runner, i) => step(runner, [sequences[i]!]));
  makeMistake();
  await Promise.all(pending);
  await expect(script.read()).rejects.toThrow(GpuError);
  while (sequences[1]!.logits.length < NUM_STEPS) {
    await Promise.all(runners.map((runner, i) => step(runner, [sequences[i]!])));
  }
  for (const { logits } of sequences) expect(logits).toEqual(want);
});

test('a step that the driver refuses is thrown to it, each time, and the next is right', async () => {
  const [runner] = runners;
  const sequence = newSequence(runner!);
  const before = device.liveBuffers;
  for (let n = 0; n < 3; n++) {
    const { queue } = device.gpu;
    const submit = queue.submit.bind(queue);
    vi.spyOn(queue, 'submit').mockImplementationOnce((commands) => {
      makeMistake();
      submit(commands);
    });
    await expect(step(runner!, [sequence])).rejects.toThrow('step result: ');
  }
  expect(device.liveBuffers).toBeLessThanOrEqual(before);
  while (sequence.logits.length < NUM_STEPS) await step(runner!, [sequence]);
  expect(sequence.logits).toEqual(want);
  expect(() => device.throwIfFailed()).not.toThrow();
});
