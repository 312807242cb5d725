// Cost of a step for the host: the counter of native calls on a device of its own, and the table for a model.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NativeCalls } from '../../bench/common/native-calls.ts';
import { hostScript } from '../../bench/experiments/host-args.ts';
import { blocksOfSteps, formatHostCosts, hostSteps } from '../../bench/experiments/host-cost.ts';
import { openDevice } from '../../src/gpu/device.ts';
import { readCommandLine } from '../../src/terminal/command-line.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

describe('native calls', () => {
  let opened: DisposableStack;
  beforeEach(() => {
    opened = new DisposableStack();
  });
  afterEach(() => opened.dispose());

  const open = async () => opened.use(await openDevice({ backend: 'null' })).gpu;
  const submitPass = (gpu: GPUDevice) => {
    const encoder = gpu.createCommandEncoder();
    encoder.beginComputePass().end();
    gpu.queue.submit([encoder.finish()]);
  };

  test('of a device, its queue and what it makes are counted until the counter is closed', async () => {
    const gpu = await open();
    const calls = new NativeCalls(gpu);
    submitPass(gpu);
    expect(calls.total).toBe(5);
    expect(calls.count('beginComputePass')).toBe(1);
    expect(calls.count('dispatchWorkgroups')).toBe(0);
    calls.close();
    submitPass(gpu);
    expect(calls.total).toBe(5);
    expect(Object.hasOwn(gpu, 'createCommandEncoder')).toBe(false);
  });

  test('of another device are not', async () => {
    using calls = new NativeCalls(await open());
    submitPass(await open());
    expect(calls.total).toBe(0);
  });
});

test('steps are those that the positions of a model hold', () => {
  expect(hostSteps(1024)).toEqual([
    { context: 64, batch: 1 },
    { context: 64, batch: 8 },
    { context: 1000, batch: 1 },
    { context: 1000, batch: 8 },
  ]);
  expect(hostSteps(256).map(({ context }) => context)).toEqual([64, 64]);
});

test('a pool holds a prompt for each step, and for each sequence a block and its new tokens', () => {
  expect(blocksOfSteps([{ context: 64, batch: 8 }], 16)).toBe(4 + 8 * 3);
});

test('a report has a row for each step, and a dash for a time that was not taken', () => {
  const cost = { context: 64, batch: 1, dispatches: 88, nativeCalls: 364 };
  const rows = formatHostCosts([
    { ...cost, milliseconds: 0.4994 },
    { ...cost, batch: 8, milliseconds: null },
  ]).split('\n');
  expect(rows[0]).toMatch(/^context batch dispatches native calls +ms$/);
  expect(rows[1]).toMatch(/^ +64 +1 +88 +364 +0\.499$/);
  expect(rows[2]).toMatch(/^ +64 +8 +88 +364 +-$/);
});

describe('node bench/host.ts', () => {
  test('refuses a number of rounds that is none', () => {
    expect(() => readCommandLine(hostScript, ['--rounds', '0'])).toThrow('--rounds is 0, expected an integer from 1');
  });

  test('prints a table for a model', () => {
    const { status, stdout, stderr } = runNode(['bench/host.ts', '--model', 'weights/tales', '--rounds', '1']);
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
    expect(stdout).toMatch(/^weights\/tales \(f16, KV f32\) on Dawn's null backend\ncontext batch dispatches/);
    const [context, batch, dispatches, calls, ms] = stdout.split('\n')[2]!.trim().split(/ +/).map(Number);
    expect([context, batch]).toEqual([64, 1]);
    // Each dispatch has its bind group and itself, and most a pipeline of their own. A step has ten calls more: its inputs; encoder, pass,
    // end and copy; finish and submit; map, range and unmap.
    expect(calls).toBeGreaterThan(2 * dispatches! + 10);
    expect(calls).toBeLessThanOrEqual(3 * dispatches! + 10);
    expect(ms).toBeGreaterThan(0);
  });
});
