// Reports of steps and finished requests to an observer: one per request that ends, with what its caller gets.
import { beforeAll, expect, test } from 'vitest';
import type { BatchPlan } from '../../../src/core/batch-plan.ts';
import type { ExecuteOptions, StepResult } from '../../../src/core/runner.ts';
import { Engine } from '../../../src/engine/engine.ts';
import type { StepRecord } from '../../../src/engine/observe/step-record.ts';
import type { FinishedRequest } from '../../../src/engine/request.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { FakeRunner } from '../../support/engine/fake-runner.ts';
import { FaultyRunner, talesRunner, VOCAB } from '../../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const request = { promptIds: [1, 2, 3], sampling: { seed: 1, maxTokens: 4, ignoreEos: true } };
const times = { start: 5, nanoseconds: 7, kernels: [] };

/** Keeps the options with which its steps were run. */
class AskedRunner extends FakeRunner {
  readonly asked: (ExecuteOptions | undefined)[] = [];

  constructor() {
    super({ vocabSize: VOCAB });
  }

  override execute(plan: BatchPlan, options?: ExecuteOptions): Promise<StepResult> {
    this.asked.push(options);
    return Promise.resolve({ ...this.compute(plan), ...(options?.timed && { times }) });
  }
}

test('onFinish receives every request that ends, however it ends, as its caller does', async () => {
  const told: FinishedRequest[] = [];
  const runner = talesRunner();
  runner.isBroken = ({ seed }) => seed === 7;
  await using engine = new Engine({ runner, tokenizer, observers: [{ onFinish: (each) => told.push(each) }] });
  const abort = new AbortController();
  const pending = engine.generateBatch([
    { ...request, requestId: 'length' },
    { ...request, requestId: 'abort', signal: abort.signal },
    { ...request, requestId: 'error', sampling: { ...request.sampling, seed: 7 } },
  ]);
  abort.abort();
  const responses = await pending;
  expect(told.map(({ requestId, finishReason }) => [requestId, finishReason]).sort()).toEqual([
    ['abort', 'abort'],
    ['error', 'error'],
    ['length', 'length'],
  ]);
  expect(new Set(told)).toEqual(new Set(responses));
});

test('a refused request is not reported', async () => {
  const told: FinishedRequest[] = [];
  await using engine = new Engine({
    runner: talesRunner(),
    tokenizer,
    observers: [{ onFinish: (each) => told.push(each) }],
  });
  expect(() => engine.addRequest({ promptIds: [], prompt: 'both' })).toThrow();
  expect(told).toEqual([]);
});

test('a request keeps its timeline when it or the engine says so, and its own word counts', async () => {
  const has = async (timeline: boolean | undefined, own: boolean | undefined) => {
    await using engine = new Engine({ runner: talesRunner(), tokenizer, timeline });
    return (await engine.generate({ ...request, timeline: own })).timeline !== null;
  };
  expect(await has(undefined, undefined)).toBe(false);
  expect(await has(true, undefined)).toBe(true);
  expect(await has(true, false)).toBe(false);
  expect(await has(undefined, true)).toBe(true);
});

test('kernels are timed only where the engine is to, and their times come with the step', async () => {
  for (const timeKernels of [true, false, undefined]) {
    const runner = new AskedRunner();
    const steps: StepRecord[] = [];
    await using engine = new Engine({
      runner,
      tokenizer,
      timeKernels,
      observers: [{ onStep: (step) => steps.push(step) }],
    });
    await engine.generate(request);
    expect(new Set(runner.asked.map((options) => options?.timed))).toEqual(
      new Set([timeKernels ? 'kernels' : undefined]),
    );
    expect(steps.map((step) => step.times)).toEqual(steps.map(() => (timeKernels ? times : undefined)));
  }
});

test('a step that failed has no times', async () => {
  const steps: StepRecord[] = [];
  const runner = new FaultyRunner(0, () => Promise.reject(new Error('broken')));
  await using engine = new Engine({
    runner,
    tokenizer,
    timeKernels: true,
    observers: [{ onStep: (step) => steps.push(step) }],
  });
  const { finishReason } = await engine.generate(request);
  expect(finishReason).toBe('error');
  expect(steps).toHaveLength(1);
  expect(steps[0]).not.toHaveProperty('times');
});
