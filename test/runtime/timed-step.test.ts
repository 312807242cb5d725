// Timed steps: a time for each dispatch or for the whole, the same bits as untimed, and nothing left on the device.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { planBatch } from '../../src/core/plan-batch.ts';
import { Device } from '../../src/gpu/device.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { openRunner, places, TestSequence } from '../support/models/model-session.ts';

const MODEL = 'test/fixtures/models/plain';
const LAYERS = 2;

afterEach(() => {
  vi.restoreAllMocks();
});

/** A plan for 3 sequences that compute a prompt of 5 ids each, or one more id after it. */
async function open(device: Device, kind: 'prefill' | 'decode') {
  const runner = await openRunner(device, MODEL, { maxBatchSize: 3 });
  const sequences = places(runner, 3, 30).map((place, i) => new TestSequence([1, 2, 3, 4, 5 + i], place));
  const plan = () =>
    planBatch(
      sequences.map((sequence) => sequence.row()),
      runner.limits,
    ).plan;
  const prefill = plan();
  await runner.execute(prefill);
  for (const sequence of sequences) {
    sequence.numComputedTokens = 5;
    sequence.ids.push(7);
  }
  return { runner, plan: kind === 'prefill' ? prefill : plan() };
}

describe.each(['prefill', 'decode'] as const)('a %s step that is timed', (kind) => {
  let device: Device;
  beforeEach(async () => {
    device = await Device.open();
  });
  afterEach(() => device.close());

  test('has a time for each dispatch of its program, in order, and nothing besides', async (context) => {
    if (!device.traits.timestamps) context.skip('the adapter has no timestamp-query');
    const finish = vi.spyOn(Recorder.prototype, 'finishBuilt');
    const { runner, plan } = await open(device, kind);
    await using _ = runner;
    const { times } = await runner.execute(plan, { timed: 'kernels' });
    const program = finish.mock.results.at(-1);
    if (program?.type !== 'return') throw new Error('nothing was recorded');
    const { kernels, start, nanoseconds } = times!;
    expect(kernels.map(({ label }) => label)).toEqual(program.value.dispatches.map(({ label }) => label));
    expect(kernels.filter(({ label }) => label.startsWith('layernorm'))).toHaveLength(2 * LAYERS + 1);
    const ends = kernels.map((kernel) => kernel.start + kernel.nanoseconds);
    expect(start).toBe(kernels[0]!.start);
    expect(start + nanoseconds).toBe(Math.max(...ends));
    for (const [i, kernel] of kernels.entries()) {
      if (i > 0) expect(kernel.start).toBeGreaterThanOrEqual(ends[i - 1]!);
    }
  });

  test('as a whole has one time and no kernels', async (context) => {
    if (!device.traits.timestamps) context.skip('the adapter has no timestamp-query');
    const { runner, plan } = await open(device, kind);
    await using _ = runner;
    const first = (await runner.execute(plan, { timed: 'step' })).times!;
    const second = (await runner.execute(plan, { timed: 'step' })).times!;
    expect(first.kernels).toEqual([]);
    expect(second.start).toBeGreaterThanOrEqual(first.start + first.nanoseconds);
    expect(second.nanoseconds).toBeGreaterThan(0);
  });

  test('gives the same bits as untimed, which has no times, and leaves nothing on the device', async () => {
    const { runner, plan } = await open(device, kind);
    await using _ = runner;
    const untimed = await runner.execute(plan);
    expect(untimed.times).toBeUndefined();
    const before = device.liveBuffers;
    for (const timed of ['step', 'kernels'] as const) {
      const { ids, logits } = await runner.execute(plan, { timed });
      expect(ids).toEqual(untimed.ids);
      expect(new Uint32Array(logits!.buffer)).toEqual(new Uint32Array(untimed.logits!.buffer));
    }
    expect(device.liveBuffers).toBe(before);
  });
});

test('a device without timestamps runs a timed step and leaves its times out', async () => {
  using base = await Device.open({ features: 'base' });
  const { runner, plan } = await open(base, 'decode');
  await using _ = runner;
  const { ids, times } = await runner.execute(plan, { timed: 'kernels' });
  expect(ids).toHaveLength(3);
  expect(times).toBeUndefined();
});

test('a step is timed as a whole or by kernels: anything else is refused by name', async () => {
  using base = await Device.open({ features: 'base' });
  const { runner, plan } = await open(base, 'decode');
  await using _ = runner;
  for (const options of [{ timed: 'kernel' }, { timed: true }, { time: 'step' }, null]) {
    const refused: Promise<unknown> = Reflect.apply(runner.execute, runner, [plan, options]);
    await expect(refused).rejects.toThrow(/^(timed|key of options of a step|options of a step) is /);
  }
});
