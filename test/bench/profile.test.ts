// The profile on a device: it has the dispatches of a step, all of them and each once, and leaves the model as it was.
// @module-tag sweep
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { measureReadback, measureStep } from '../../bench/profile/measure-step.ts';
import type { StepReport } from '../../bench/profile/profile-report.ts';
import { decodeStep, prefillStep } from '../../bench/profile/step-plans.ts';
import { planBatch } from '../../src/core/plan-batch.ts';
import { Device } from '../../src/gpu/device.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { RooflineProbe } from '../../src/timing/roofline-probe.ts';
import { openRunner } from '../support/models/model-session.ts';
import { runNode } from '../support/run-node.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());
afterEach(() => {
  vi.restoreAllMocks();
});

const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };
const never = new AbortController().signal;

describe('a model of two layers', () => {
  let probe: RooflineProbe | undefined;
  let best: Awaited<ReturnType<RooflineProbe['measure']>>;
  beforeAll(async () => {
    if (!device.traits.timestamps) return;
    probe = await RooflineProbe.create(device);
    best = await probe.measure();
  });
  // One measurement of the adapter stands for those of all rounds, which would be most of the time.
  beforeEach(() => {
    if (probe) vi.spyOn(probe, 'measure').mockImplementation(async () => best);
  });
  afterAll(() => probe?.close());

  test.for([
    ['decode', decodeStep],
    ['prefill', prefillStep],
  ] as const)(
    'has in a %s step the dispatches of its program, those of a kernel and size together, and the same results after it',
    async ([, of], { skip }) => {
      if (!probe) return skip('the adapter has no timestamp-query');
      const finish = vi.spyOn(Recorder.prototype, 'finishBuilt');
      await using runner = await openRunner(device, 'test/fixtures/models/plain', { maxBatchSize: 3 });
      const rounds: string[] = [];
      const onRound = (round: string) => rounds.push(round);
      const step = of(runner.limits, sampling);
      const run = async () => {
        const { ids, logits } = await runner.execute(planBatch(step.rows, runner.limits).plan);
        return { ids, logits };
      };
      const before = await run();
      const measured = await measureStep(runner, step, { device, probe, signal: never, onRound });
      const programs = finish.mock.results.flatMap((result) => (result.type === 'return' ? [result.value] : []));
      const counts = new Map<string, number>();
      for (const { label, dims } of programs.at(-1)!.dispatches) {
        const key = label + JSON.stringify(dims);
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      const measuredCounts = measured.kernels.map(({ label, dims, dispatches }) => [
        label + JSON.stringify(dims),
        dispatches,
      ]);
      expect(measuredCounts).toEqual([...counts]);
      const norms = measured.kernels.filter(({ label }) => label.startsWith('layernorm'));
      expect(norms.reduce((sum, { dispatches }) => sum + dispatches, 0)).toBe(2 * 2 + 1);
      for (const { ms, cost } of measured.kernels) {
        expect(ms).toBeGreaterThan(0);
        expect(cost?.bytes).toBeGreaterThan(0);
      }
      expect(Object.values(measured.roofline).every((number) => number > 0)).toBe(true);
      for (const time of [measured.wall, measured.encode, measured.gpu]) expect(time).toBeGreaterThan(0);
      // How many there are depends on how long a step takes.
      expect(rounds.slice(0, 2)).toEqual(['warm-up', expect.stringMatching(/^round 1 of \d+$/)]);
      expect(await run()).toEqual(before);
    },
  );

  test('is left alone when the signal says so', async ({ skip }) => {
    if (!probe) return skip('the adapter has no timestamp-query');
    await using runner = await openRunner(device, 'test/fixtures/models/plain', { maxBatchSize: 3 });
    const signal = AbortSignal.abort(new Error('enough'));
    const step = decodeStep(runner.limits, sampling);
    const stopped = measureStep(runner, step, { device, probe, signal, onRound: () => {} });
    await expect(stopped).rejects.toThrow('enough');
  });
});

test('a readback takes time and leaves nothing on the device', async () => {
  const before = device.liveBuffers;
  expect(await measureReadback(device)).toBeGreaterThan(0);
  expect(device.liveBuffers).toBe(before);
});

// It measures for seconds, by the clock.
const slow = { tags: ['slow'] };
test(
  '--profile shows both steps, how they were measured, and writes the same numbers to the JSON file',
  slow,
  async (context) => {
    if (!device.traits.timestamps) context.skip('the adapter has no timestamp-query');
    const directory = await mkdtemp(join(tmpdir(), 'roseinfer-profile-'));
    const path = join(directory, 'profile.json');
    const flags = ['--max-batch-size', '2', '--max-model-len', '40', '--kv-dtype', 'f16'];
    const { status, stdout } = runNode(['bench/run.ts', '--profile', ...flags, '--json', path]);
    const { schema, meta, method, steps } = JSON.parse(await readFile(path, 'utf8'));
    await rm(directory, { recursive: true });
    expect(status).toBe(0);
    expect(schema).toBe('roseinfer-profile-1');
    expect(meta).toMatchObject({ model: 'weights/tales', dtype: 'f16', args: { profile: true, 'max-batch-size': 2 } });
    expect(stdout).toContain(`How: ${method}.`);
    expect(method).toContain('steps without timestamps');
    expect(stdout).toContain('=== decode step: 2 tokens, 2 sequences, context 40 ===');
    expect(stdout).toContain('=== prefill step: 40 tokens, 1 sequence, context 40 ===');
    const reports: StepReport[] = [steps.decode, steps.prefill];
    for (const report of reports) {
      const sum = (value: (row: StepReport['kernels'][number]) => number) =>
        report.kernels.reduce((total, row) => total + value(row), 0);
      expect(sum(({ ms }) => ms)).toBeCloseTo(report.kernel_ms, 9);
      expect(sum(({ share }) => share!)).toBeCloseTo(1, 9);
      expect(report.kernels_per_wall).toBeCloseTo(report.kernel_ms / report.wall_ms!, 9);
      expect(stdout).toContain(`Sum of kernel times / wall: ${report.kernels_per_wall!.toFixed(3)}`);
      expect(stdout).toContain(`this adapter at best: ${report.best.gigabytes!.toFixed(1)} GB/s read`);
      // Two norms a layer and the last one.
      const norms = report.kernels.filter(({ kernel }) => kernel === 'layernorm');
      expect(norms.reduce((total, { dispatches }) => total + dispatches, 0)).toBe(2 * 6 + 1);
    }
  },
);
