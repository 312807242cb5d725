// Sequences that slide through a pool too small for all of their tokens: the right ids, admission by the blocks of a window, and a
// window that is too short in the books alone.
import { describe, expect, test } from 'vitest';
import type { ModelLimits } from '../../src/core/runner.ts';
import type { Sequence } from '../../src/core/sequence.ts';
import { createScheduler, schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { SchedulerLoop, type TestSequence, testSequence } from '../support/engine/drive-scheduler.ts';
import { FakeRunner, fakeCompletion } from '../support/engine/fake-runner.ts';

/** A longest chunk and its window take 15 keys, which lie in 5 blocks at most. */
const LIMITS = { blockSize: 4, window: 8, maxBatchTokens: 8, maxModelLen: 200, numBlocks: 5 };

const promptOf = (length: number, first = 0) => Array.from({ length }, (_, index) => (first + index) % 64);

/** Runs requests to their ends; `scheduled` are limits of the scheduler that the runner does not have. */
function run(
  name: (typeof schedulerNames)[number],
  requests: readonly TestSequence[],
  limits: Partial<ModelLimits>,
  scheduled = {},
) {
  const runner = new FakeRunner(limits);
  const scheduler = createScheduler(name, { ...runner.limits, ...scheduled });
  const sequences = requests.map((request, index) => testSequence({ requestId: `r${index}`, seed: index, ...request }));
  for (const sequence of sequences) scheduler.addRequest(sequence);
  new SchedulerLoop(scheduler, runner, { numLeft: [1, 2, 0] }).run();
  scheduler.checkIntegrity();
  return { runner, scheduler, sequences };
}

function expected({ promptIds, params }: Sequence): number[] {
  return fakeCompletion({ promptIds, seed: params.seed, maxTokens: params.maxTokens, window: LIMITS.window });
}

describe.each(schedulerNames)('%s', (name) => {
  test('runs prompts and completions many times as long as the pool', () => {
    const requests = [
      { promptIds: promptOf(100), maxTokens: 60 },
      { promptIds: promptOf(7), maxTokens: 90, group: 'g' },
      { promptIds: promptOf(61, 5), maxTokens: 1, group: 'g' },
    ];
    const { sequences, runner } = run(name, requests, LIMITS);
    for (const sequence of sequences) expect(sequence.ids).toEqual(expected(sequence));
    // The last token of the longest has two blocks of forty, or three.
    const widest = runner.plans.reduce((widest, plan) => (plan.maxBlocks > widest.maxBlocks ? plan : widest));
    expect(widest.maxBlocks).toBe(40);
    expect(widest.blockTables.filter((block) => block >= 0).length).toBeLessThanOrEqual(5);
  });

  test('forks of a prompt and several at once get the ids that each has alone', () => {
    const forks = Array.from({ length: 4 }, () => ({ promptIds: promptOf(50), maxTokens: 30, group: 'g' }));
    const others = [3, 30, 17].map((length) => ({ promptIds: promptOf(length, length), maxTokens: 40 }));
    const { sequences } = run(name, [...forks, ...others], { ...LIMITS, numBlocks: 11 });
    for (const sequence of sequences) expect(sequence.ids).toEqual(expected(sequence));
  });
});

test('a prompt is refused by the blocks that it takes at a time', () => {
  const scheduler = createScheduler('online', new FakeRunner({ ...LIMITS, numBlocks: 4 }).limits);
  const add = (length: number) => () =>
    scheduler.addRequest(testSequence({ promptIds: promptOf(length), maxTokens: 4 }));
  expect(add(12)).not.toThrow();
  expect(add(100)).toThrow('needs 5 blocks of 4 tokens for its prompt and maxTokens, expected at most 4');
});

test('requests that slide run side by side where their prompts would not fit', () => {
  const requests = Array.from({ length: 3 }, (_, index) => ({ promptIds: promptOf(100, index), maxTokens: 20 }));
  const { runner, scheduler } = run('online', requests, { ...LIMITS, numBlocks: 17 });
  expect(Math.max(...runner.plans.map(({ numSequences }) => numSequences))).toBe(3);
  expect(scheduler.numPreemptions).toBe(0);
});

test('preempted sequences that slide are recomputed with the same ids', () => {
  const requests = Array.from({ length: 4 }, (_, index) => ({ promptIds: promptOf(3, index), maxTokens: 60 }));
  const { scheduler, sequences } = run('online', requests, { ...LIMITS, numBlocks: 6 });
  expect(scheduler.numPreemptions).toBeGreaterThan(0);
  for (const sequence of sequences) expect(sequence.ids).toEqual(expected(sequence));
});

test('a window that is a key too short in the books is found', () => {
  const requests = [{ promptIds: promptOf(100), maxTokens: 60 }];
  expect(() => run('online', requests, LIMITS, { window: LIMITS.window - 1 })).toThrow('whose block was given back');
});
