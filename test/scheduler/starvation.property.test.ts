// Starvation: however many urgent requests arrive, a request is overtaken only by those that arrive within the bound of
// its policy.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Sequence } from '../../src/core/sequence.ts';
import { OnlinePolicy } from '../../src/scheduler/admission/online.ts';
import { BatchScheduler } from '../../src/scheduler/batch-scheduler.ts';
import { createScheduler, type QueuePolicyName, schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { PRIORITY_AGEING_MS } from '../../src/scheduler/queue/priority.ts';
import { PROMPT_AGEING_MS } from '../../src/scheduler/queue/shortest-prompt-first.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import { SchedulerLoop, testSequence } from '../support/engine/drive-scheduler.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';

const LIMITS = { maxBatchSize: 2, maxModelLen: 40, maxBatchTokens: 16, blockSize: 2, numBlocks: 24, vocabSize: 32 };
const STREAM = 80;
/** The request that others may overtake arrives when all places are taken. */
const OVERTAKEN = 10;

/** By how much, in `distance`, its rank is worse, and for how many milliseconds others may overtake it. */
const places = {
  fcfs: () => ({ priority: 0, length: 1, boundMs: 0 }),
  priority: (distance: number) => ({
    priority: distance / 10,
    length: 1,
    boundMs: (distance / 10) * PRIORITY_AGEING_MS,
  }),
  'shortest-prompt-first': (distance: number) => ({
    priority: 0,
    length: 1 + distance,
    boundMs: distance * PROMPT_AGEING_MS,
  }),
} satisfies Record<QueuePolicyName, (distance: number) => object>;

interface Scene {
  readonly overlap: boolean;
  /** Milliseconds from one arrival to the next. */
  readonly gapMs: number;
  readonly distance: number;
  readonly maxTokens: number;
}

const scene = fc.record({
  overlap: fc.boolean(),
  gapMs: fc.integer({ min: 2, max: 50 }),
  distance: fc.integer({ min: 1, max: 20 }),
  maxTokens: fc.integer({ min: 2, max: 6 }),
});

/** Requests that arrived after one and started before it. One arrives in every turn, which is more than can run. */
function overtakers(scheduler: Scheduler, policy: QueuePolicyName, { overlap, gapMs, distance, maxTokens }: Scene) {
  const { priority, length } = places[policy](distance);
  const sequences = Array.from({ length: STREAM }, (_, index) =>
    testSequence({
      promptIds: Array(index === OVERTAKEN ? length : 1).fill(index % LIMITS.vocabSize),
      maxTokens,
      seed: index,
      arrival: index * gapMs,
      priority: index === OVERTAKEN ? priority : 0,
      group: 'all',
    }),
  );
  const overtaken = sequences[OVERTAKEN]!;
  const loop = new SchedulerLoop(scheduler, new FakeRunner(LIMITS), { numLeft: [overlap ? 1 : 0] });
  const hasStarted = ({ prefixHit }: Sequence) => prefixHit !== null;
  let before: readonly Sequence[] = [];
  for (let turn = 0; turn < STREAM || loop.hasWork; turn++) {
    if (turn < STREAM) scheduler.addRequest(sequences[turn]!);
    loop.turn();
    if (!hasStarted(overtaken)) before = sequences.filter(hasStarted);
  }
  expect(sequences.every(hasStarted)).toBe(true);
  return { overtaken, before: before.filter(({ arrival }) => arrival > overtaken.arrival) };
}

test.each(['fcfs', 'priority', 'shortest-prompt-first'] as const)(
  '%s: no request overtakes another that arrived earlier by more than the bound, and within it some do',
  (policy) => {
    let numOvertakers = 0;
    const property = fc.property(fc.constantFrom(...schedulerNames), scene, (name, each) => {
      const { overtaken, before } = overtakers(createScheduler(name, LIMITS, policy), policy, each);
      const { boundMs } = places[policy](each.distance);
      for (const { arrival } of before) expect(arrival - overtaken.arrival).toBeLessThan(boundMs);
      numOvertakers += before.length;
    });
    fc.assert(property, { seed: 3, numRuns: 80 });
    if (policy === 'fcfs') expect(numOvertakers).toBe(0);
    else expect(numOvertakers).toBeGreaterThan(200);
  },
);

test('without ageing the last one to start is the one that all others overtake', () => {
  const queue = { rank: ({ priority }: Pick<Sequence, 'priority'>) => priority };
  const scheduler = new BatchScheduler({ admission: new OnlinePolicy(), queue }, LIMITS);
  const each = { overlap: true, gapMs: 50, distance: 1, maxTokens: 6 };
  const { overtaken, before } = overtakers(scheduler, 'priority', each);
  const { boundMs } = places.priority(each.distance);
  expect(before.filter(({ arrival }) => arrival - overtaken.arrival >= boundMs).length).toBeGreaterThan(STREAM / 2);
});
