// A steady decode step: one write, one submit, no new GPU object, counted at the calls of GPUDevice and GPUQueue.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { UnreadSteps } from '../../src/engine/unread-steps.ts';
import { Device } from '../../src/gpu/device.ts';
import { CREATING_CALLS } from '../support/gpu/creating-calls.ts';
import { openRunner, places, step, TestSequence } from '../support/models/model-session.ts';

const QUEUE_CALLS = ['submit', 'writeBuffer'] as const;
const DEVICE_CALLS = [...CREATING_CALLS, 'createCommandEncoder'] as const;
/** Calls of a steady step. */
const STEADY = {
  ...Object.fromEntries([...QUEUE_CALLS, ...DEVICE_CALLS].map((name) => [name, 0])),
  submit: 1,
  writeBuffer: 1,
  createCommandEncoder: 1,
};

/** Calls at the device and its queue while `run` runs. */
async function countCalls(device: Device, run: () => Promise<unknown>): Promise<Record<string, number>> {
  const { gpu } = device;
  const spies = [
    ...QUEUE_CALLS.map((name) => [name, vi.spyOn(gpu.queue, name)] as const),
    ...DEVICE_CALLS.map((name) => [name, vi.spyOn(gpu, name)] as const),
  ];
  await run();
  const counts = Object.fromEntries(spies.map(([name, spy]) => [name, spy.mock.calls.length]));
  vi.restoreAllMocks();
  return counts;
}

describe.each(['auto', 'base'] as const)('with %s features', (features) => {
  let device: Device;
  beforeEach(async () => {
    device = await Device.open({ features });
  });
  afterEach(() => device.close());

  test('a decode step like an earlier one makes one write and one submit and creates no GPU object but its encoder', async () => {
    await using runner = await openRunner(device, 'test/fixtures/models/plain', { maxBatchSize: 3 });
    const sequences = places(runner, 3, 30).map((place, i) => new TestSequence([1, 2, 3 + i], place));
    for (let n = 0; n < 3; n++) await step(runner, sequences);
    expect(await countCalls(device, () => step(runner, sequences))).toEqual(STEADY);
  });

  test('so does one with penalties and log-probabilities, whose entries grow', async () => {
    await using runner = await openRunner(device, 'test/fixtures/models/plain', { maxBatchSize: 3 });
    const params = { repetitionPenalty: 1.2, frequencyPenalty: 0.5, logitBias: { 7: 2 }, logprobs: 3 };
    const sequences = places(runner, 3, 30).map(
      (place, i) => new TestSequence([1, 2, 3 + i], place, i === 1 ? {} : params),
    );
    for (let n = 0; n < 3; n++) await step(runner, sequences);
    expect(await countCalls(device, () => step(runner, sequences))).toEqual(STEADY);
  });

  test('steps that are submitted while two are unread create no more, once each has its staging buffer', async () => {
    await using runner = await openRunner(device, 'test/fixtures/models/plain');
    vi.spyOn(UnreadSteps.prototype, 'numLeft').mockReturnValue(2);
    await using engine = new Engine({ runner, prefixCache: false });
    const request = { promptIds: [1, 2, 3], sampling: { maxTokens: 12, temperature: 0, ignoreEos: true } };
    const before = device.liveBuffers;
    // Programs of decode steps keep the bind groups that the first prompt made.
    for (let n = 0; n < 2; n++) await engine.generate(request);
    expect(device.liveBuffers).toBe(before + 3);
    const steps = { submit: 12, writeBuffer: 12, createCommandEncoder: 12 };
    expect(await countCalls(device, () => engine.generate(request))).toEqual({ ...STEADY, ...steps });
  });

  test('the count sees what a first step creates', async () => {
    await using runner = await openRunner(device, 'test/fixtures/models/plain', { maxBatchSize: 3 });
    const sequences = places(runner, 3, 30).map((place, i) => new TestSequence([1, 2, 3 + i], place));
    const counts = await countCalls(device, () => step(runner, sequences));
    expect(counts).toMatchObject({ submit: 1, createComputePipelineAsync: 0 });
    expect(counts.createBindGroup).toBeGreaterThan(0);
    expect(counts.createBuffer).toBeGreaterThan(0);
  });
});
