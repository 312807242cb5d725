// A runner has one engine at a time; when it is closed before the engine, its requests end.
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RunnerInUseError } from '../../src/core/lease.ts';
import { planBatch } from '../../src/core/plan-batch.ts';
import type { Runner } from '../../src/core/runner.ts';
import { RunnerClosedError } from '../../src/core/runner-closed-error.ts';
import { Engine } from '../../src/engine/engine.ts';
import { EngineClosedError, RunnerFailedError } from '../../src/engine/errors.ts';
import { Device } from '../../src/gpu/device.ts';
import { DeviceLostError } from '../../src/gpu/errors.ts';
import { schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { tinyModels } from '../fuzz/fuzz-models.ts';
import { completion, HeldRunner, talesRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const prompt = { promptIds: [1, 2, 3], sampling: { maxTokens: 6, seed: 4 } };

describe('a runner', () => {
  test('that an open engine has is refused to another, used or not', async () => {
    const runner = talesRunner();
    const first = new Engine({ runner, tokenizer });
    expect(() => new Engine({ runner, tokenizer })).toThrow(RunnerInUseError);
    expect((await first.generate(prompt)).ids).toEqual(completion(prompt));
    expect(() => new Engine({ runner, tokenizer })).toThrow(
      'runner is in use by another engine, expected one whose engine was closed',
    );
    await first.close();
    await using second = new Engine({ runner, tokenizer });
    expect((await second.generate(prompt)).ids).toEqual(completion(prompt));
  });

  test('serves engines one after another, each to its close', async () => {
    const runner = talesRunner();
    for (const scheduler of schedulerNames) {
      await using engine = new Engine({ runner, tokenizer, scheduler });
      expect((await engine.generate(prompt)).ids).toEqual(completion(prompt));
    }
  });

  test('is free once close has finished, and not while a step is in flight', async () => {
    const runner = new HeldRunner();
    const engine = new Engine({ runner, tokenizer, overlap: false });
    const response = engine.generate(prompt);
    while (runner.numHeld < 1) await setImmediate();
    const closing = Promise.all([engine.close(), engine.close()]);
    expect((await response).finishReason).toBe('abort');
    expect(() => new Engine({ runner, tokenizer })).toThrow(RunnerInUseError);
    runner.settle();
    await closing;
    await using next = new Engine({ runner, tokenizer });
    // A second close of the first frees nothing of the second.
    await engine.close();
    expect(() => new Engine({ runner, tokenizer })).toThrow(RunnerInUseError);
    expect(next.hasUnfinished).toBe(false);
  });

  test('is free when the engine that wanted it was refused for another reason', async () => {
    const runner = talesRunner();
    expect(() => new Engine({ runner, tokenizer, maxQueuedTokens: -1 })).toThrow('maxQueuedTokens is -1');
    expect(() => new Engine({ runner, tokenizer, maxStepMs: 0 })).toThrow('maxStepMs is 0');
    await using engine = new Engine({ runner, tokenizer });
    expect(engine.hasUnfinished).toBe(false);
  });
});

describe('a runner that says that it can run no more steps', () => {
  test('ends all requests at once and takes no more, whether it is asked or a step fails', async () => {
    const failure = new Error('the cable is out');
    for (const failsSteps of [true, false]) {
      const runner = talesRunner({ maxBatchSize: 1 });
      const failing: Runner & { failure: Error | null } = {
        limits: runner.limits,
        eosIds: [],
        failure: null,
        execute: (plan) => {
          const result = runner.execute(plan);
          if (runner.plans.length < 3) return result;
          failing.failure = failure;
          return failsSteps ? Promise.reject(new Error('step is lost')) : result;
        },
        close: () => runner.close(),
      };
      await using engine = new Engine({ runner: failing, tokenizer });
      const requests = Array.from({ length: 20 }, (_, seed) => ({ ...prompt, sampling: { maxTokens: 6, seed } }));
      const responses = await engine.generateBatch(requests);
      for (const { finishReason, error } of responses) {
        expect(finishReason).toBe('error');
        expect(error).toBeOneOf(['the cable is out', 'step is lost']);
      }
      expect(runner.plans.length).toBeLessThanOrEqual(4);
      expect(() => engine.addRequest(prompt)).toThrow(RunnerFailedError);
      expect(() => engine.stream(prompt)).toThrow('runner can run no more steps: the cable is out');
      await expect(engine.generate(prompt)).rejects.toMatchObject({ cause: failure });
    }
  });
});

describe('on a GPU', () => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open();
  });
  afterAll(() => device.close());

  const requests = Array.from({ length: 12 }, (_, seed) => ({
    promptIds: [seed, 1, 2],
    sampling: { maxTokens: 60, seed },
  }));

  test('a wrapped runner knows its engine, and lets no step of another touch its cache', async () => {
    await using runner = await tinyModels[0]!.open(device);
    const wrap = (): Runner => ({
      limits: runner.limits,
      eosIds: runner.eosIds,
      execute: (plan) => runner.execute(plan),
      close: () => runner.close(),
    });
    const request = { promptIds: [1, 2, 3, 4, 5, 6, 7], sampling: { maxTokens: 12, seed: 4 } };
    const alone = new Engine({ runner, tokenizer });
    const { ids } = await alone.generate(request);
    await alone.close();

    const first = new Engine({ runner: wrap(), tokenizer });
    const begun = first.generate(request);
    for (let turn = 0; turn < 4; turn++) await first.step();
    await using second = new Engine({ runner: wrap(), tokenizer });
    expect(await second.generate(request)).toMatchObject({
      finishReason: 'error',
      error: 'runner is in use by another engine, expected one whose engine was closed',
    });
    const params = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };
    const row = { start: 0, numTokens: 1, samples: true, tokenSlot: 0, blockTable: [0] };
    const { plan } = planBatch([{ ...row, sequence: { promptIds: [9], ids: [], params } }], runner.limits);
    await expect(runner.execute(plan)).rejects.toThrow(RunnerInUseError);
    expect((await begun).ids).toEqual(ids);
    await first.close();
    expect((await runner.execute(plan)).ids).toHaveLength(1);
    expect((await second.generate(request)).ids).toEqual(ids);
  });

  test('closing a runner under its engine ends what runs and waits, and the engine closes after it', async () => {
    const runner = await tinyModels[0]!.open(device);
    const engine = new Engine({ runner, tokenizer });
    const batch = engine.generateBatch(requests);
    for (let turn = 0; turn < 10; turn++) await engine.step();
    await Promise.all([runner.close(), runner.close()]);
    for (const { finishReason, error, ids } of await batch) {
      expect(finishReason).toBe('error');
      expect(error).toBe('runner is closed, expected steps before close()');
      expect(ids.length).toBeLessThan(60);
    }
    expect(() => engine.addRequest(requests[0]!)).toThrow(RunnerFailedError);
    expect(runner.failure).toBeInstanceOf(RunnerClosedError);
    await engine.close();
    await engine.close();
    expect(() => engine.addRequest(requests[0]!)).toThrow(EngineClosedError);
    await runner.close();
  });

  test.each<[string, (own: Device) => void]>([
    ['closing', (own) => own.close()],
    ['losing', (own) => own.gpu.destroy()],
  ])('%s the device ends what runs and waits, and engine and runner close after it', async (_, end) => {
    const own = await Device.open();
    const runner = await tinyModels[0]!.open(own);
    const engine = new Engine({ runner, tokenizer });
    const batch = engine.generateBatch(requests);
    for (let turn = 0; turn < 10; turn++) await engine.step();
    end(own);
    for (const { finishReason, error } of await batch) {
      expect(finishReason).toBe('error');
      expect(error).toMatch(/^the GPU device was lost/);
    }
    expect(() => engine.addRequest(requests[0]!)).toThrow(RunnerFailedError);
    expect(() => engine.addRequest(requests[0]!)).toThrow(/no more steps: the GPU device was lost/);
    expect(runner.failure).toBeInstanceOf(DeviceLostError);
    await engine.close();
    await runner.close();
    own.close();
  });
});
