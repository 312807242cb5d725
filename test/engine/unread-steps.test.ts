// Steps left unread: the rule by measured times, and an engine under it on a GPU whose readback takes as long as a step.
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { SchedulerRow } from '../../src/core/scheduler-output.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import { UnreadSteps } from '../../src/engine/unread-steps.ts';
import { schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { testSequence } from '../support/engine/drive-scheduler.ts';
import { SimulatedClock, SimulatedGpu } from '../support/engine/simulated-gpu.ts';
import { completion, HeldRunner } from '../support/engine/test-runners.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const record = (submitted: number, finished: number): StepRecord => ({
  ...{ index: 0, submitted, finished, rows: [], admitted: [], preempted: [], numWaiting: 0 },
});

/**
 * Steps of a GPU that is never idle, whose results take a millisecond to the host: each is submitted when the one before it begins.
 */
class BusyGpu {
  readonly #unread: UnreadSteps;
  #begin = 0;
  #end = 0;

  constructor(unread: UnreadSteps) {
    this.#unread = unread;
  }

  /** Runs steps of some milliseconds. */
  run(...milliseconds: readonly number[]): void {
    for (const duration of milliseconds) {
      const submitted = this.#begin;
      this.#begin = this.#end;
      this.#end += duration;
      this.#unread.observeStep(record(submitted, this.#end + 1));
    }
  }
}

const row = (sampling: object): SchedulerRow => {
  const sequence = testSequence({ promptIds: [1], maxTokens: 4, sampling });
  return {
    sequence,
    start: 0,
    numTokens: 1,
    samples: true,
    epoch: 0,
    tokenSlot: 0,
    scored: null,
    pooled: null,
    blockTable: [0],
  };
};

describe('steps left unread are', () => {
  const rows = [row({})];

  test('two while the last four steps took less than two readbacks each, and one otherwise', () => {
    const unread = new UnreadSteps(true, { readbackMs: 1 });
    const gpu = new BusyGpu(unread);
    expect(unread.numLeft(rows)).toBe(1);
    gpu.run(1.9, 1.9, 1.9);
    expect(unread.numLeft(rows)).toBe(1);
    gpu.run(1.9);
    expect(unread.numLeft(rows)).toBe(2);
    gpu.run(2.1, 1.9, 1.9, 1.9);
    expect(unread.numLeft(rows)).toBe(1);
    gpu.run(1.9);
    expect(unread.numLeft(rows)).toBe(2);
  });

  test('two for short steps that each wait for the host, however rarely they come', () => {
    const unread = new UnreadSteps(true, { readbackMs: 1 });
    for (let n = 0; n < 4; n++) unread.observeStep(record(1000 * n, 1000 * n + 2.9));
    expect(unread.numLeft(rows)).toBe(2);
    unread.observeStep(record(4000, 4003.1));
    expect(unread.numLeft(rows)).toBe(1);
  });

  test('none without overlap, and one where no readback is known', () => {
    const [off, unknown] = [new UnreadSteps(false, { readbackMs: 1 }), new UnreadSteps(true, {})];
    for (const unread of [off, unknown]) new BusyGpu(unread).run(0.1, 0.1, 0.1, 0.1);
    expect([off, unknown].map((unread) => unread.numLeft(rows))).toEqual([0, 1]);
  });

  test.each([{ presencePenalty: 1 }, { frequencyPenalty: 1 }, { repetitionPenalty: 1.1 }])(
    'one where a row has %j, which counts ids that the host must have',
    (sampling) => {
      const unread = new UnreadSteps(true, { readbackMs: 1 });
      new BusyGpu(unread).run(1, 1, 1, 1);
      expect(unread.numLeft([...rows, row(sampling)])).toBe(1);
      expect(unread.numLeft([...rows, row({ logitBias: { 3: 1 }, minTokens: 2 })])).toBe(2);
    },
  );
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('a readback of %s ms is refused', (readbackMs) => {
  const runner = new HeldRunner();
  runner.readbackMs = readbackMs;
  expect(() => new Engine({ runner, tokenizer })).toThrow(`runner.readbackMs is ${readbackMs}, expected a number > 0`);
});

const prompts = [0, 1, 2].map((seed) => ({ promptIds: [seed, 5], sampling: { maxTokens: 30, seed } }));

test.each(schedulerNames)(
  'an engine (%s) holds two steps beside the one that it waits for, and gives the same ids',
  async (scheduler) => {
    const runner = new HeldRunner();
    runner.readbackMs = 1e6;
    await using engine = new Engine({ runner, tokenizer, scheduler });
    const handles = prompts.map((prompt) => engine.addRequest(prompt));
    const held: number[] = [];
    const ended = engine.run();
    while (engine.hasUnfinished) {
      // Enough turns of the event loop for the engine to come to a step that it waits for.
      for (let turn = 0; turn < 5; turn++) await setImmediate();
      held.push(runner.numHeld);
      runner.settle();
    }
    await ended;
    expect(Math.max(...held)).toBe(3);
    expect((await Promise.all(handles.map(({ finished }) => finished))).map(({ ids }) => ids)).toEqual(
      prompts.map(completion),
    );
  },
);

describe('a GPU whose readback takes as long as a step', () => {
  /** Share of the time from the first result to the last in which the GPU ran no kernel. */
  async function idleShare(readbackMs: number | undefined): Promise<number> {
    const clock = new SimulatedClock();
    const runner = new SimulatedGpu(clock, 0, {}, 5);
    runner.readbackMs = readbackMs;
    const steps: StepRecord[] = [];
    const observers = [{ onStep: (step: StepRecord) => steps.push(step) }];
    await using engine = new Engine({ runner, tokenizer, clock, observers, timeKernels: true });
    const [prompt] = prompts;
    expect((await engine.generate(prompt!)).ids).toEqual(completion(prompt!));
    // The first ones show that steps are short.
    const spans = steps.slice(8).map(({ times }) => times!);
    const whole = spans.at(-1)!.start + spans.at(-1)!.nanoseconds - spans[0]!.start;
    const busy = spans.reduce((sum, { nanoseconds }) => sum + nanoseconds, 0);
    return 1 - busy / whole;
  }

  // A step takes 6.375 ms and its way there and back 10 ms: (6.375 + 10) / 2 ms a step with one unread, 6.375 ms with two.
  test('is idle with one step unread, and not with two', async () => {
    expect(await idleShare(undefined)).toBeGreaterThan(0.15);
    expect(await idleShare(10)).toBe(0);
  });
});
