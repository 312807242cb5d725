// The three schedulers over the fake runner: the ids of each sequence alone, and the admission rule of each, step by
// step.
import { describe, expect, test } from 'vitest';
import type { ModelLimits } from '../../src/core/runner.ts';
import type { Sequence } from '../../src/core/sequence.ts';
import { createScheduler, type SchedulerName, schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { RequestTooLargeError } from '../../src/scheduler/request-too-large-error.ts';
import type { Scheduler } from '../../src/scheduler/scheduler.ts';
import { SchedulerLoop, type TestSequence, testSequence } from '../support/engine/drive-scheduler.ts';
import { FakeRunner, fakeCompletion } from '../support/engine/fake-runner.ts';

const cases = schedulerNames.flatMap((name) => [true, false].map((overlap) => ({ name, overlap })));

interface Setup {
  readonly scheduler: Scheduler;
  readonly runner: FakeRunner;
  readonly loop: SchedulerLoop;
  readonly sequences: readonly Sequence[];
}

function setUp(
  name: SchedulerName,
  overlap: boolean,
  limits: Partial<ModelLimits>,
  requests: readonly TestSequence[],
): Setup {
  const runner = new FakeRunner(limits);
  const scheduler = createScheduler(name, runner.limits);
  const sequences = requests.map((request, index) => testSequence({ requestId: `r${index}`, seed: index, ...request }));
  for (const sequence of sequences) scheduler.addRequest(sequence);
  return { scheduler, runner, loop: new SchedulerLoop(scheduler, runner, { numLeft: [overlap ? 1 : 0] }), sequences };
}

function expected({ promptIds, params, eosIds }: Sequence): number[] {
  const { seed, maxTokens, ignoreEos } = params;
  return fakeCompletion({ promptIds, seed, maxTokens, eosIds: ignoreEos ? [] : eosIds });
}

/** Prompts of 1 to 13 tokens, 1 to 15 new ones. */
const mixed = Array.from({ length: 9 }, (_, index) => ({
  promptIds: Array.from({ length: 1 + ((index * 5) % 13) }, (_, position) => (index * 7 + position) % 64),
  maxTokens: 1 + ((index * 4) % 15),
}));

const ids = (rows: readonly { readonly sequence: Sequence }[]): string =>
  rows.map((row) => row.sequence.requestId).join(' ');

describe.each(cases)('$name scheduler, overlap $overlap', ({ name, overlap }) => {
  test('generates for each request the ids that it gets alone', () => {
    const { scheduler, loop, sequences } = setUp(name, overlap, {}, mixed);
    loop.run();
    for (const sequence of sequences) {
      expect(sequence.ids, sequence.requestId).toEqual(expected(sequence));
      expect(sequence).toMatchObject({ status: 'finished', finishReason: 'length', numPendingIds: 0 });
    }
    expect(scheduler.numPreemptions).toBe(0);
    expect(loop.ends).toHaveLength(mixed.length);
  });

  test('generates the same ids from a pool that is far too small for all', () => {
    // The largest request, 11 + 9 tokens, takes all 5 blocks.
    const { scheduler, loop, sequences } = setUp(name, overlap, { numBlocks: 7, blockSize: 4 }, mixed);
    loop.run();
    for (const sequence of sequences) expect(sequence.ids, sequence.requestId).toEqual(expected(sequence));
    expect(scheduler.numPreemptions > 0).toBe(name !== 'naive');
  });

  test('ends a sequence at its eos, keeps the eos, and drops the row after it', () => {
    const promptIds = [5, 6, 7];
    const whole = fakeCompletion({ promptIds, seed: 0, maxTokens: 12 });
    const eosId = whole[4]!;
    const length = whole.indexOf(eosId) + 1;
    const { runner, loop, sequences } = setUp(name, overlap, {}, [
      { promptIds, maxTokens: 12, eosIds: [eosId], seed: 0 },
    ]);
    loop.run();
    expect(sequences[0]).toMatchObject({ ids: whole.slice(0, length), finishReason: 'stop' });
    expect(runner.plans).toHaveLength(overlap ? length + 1 : length);
  });

  test('generates past the eos when told to', () => {
    const promptIds = [5, 6, 7];
    const whole = fakeCompletion({ promptIds, seed: 0, maxTokens: 12 });
    const request = { promptIds, maxTokens: 12, eosIds: [whole[4]!], ignoreEos: true, seed: 0 };
    const { loop, sequences } = setUp(name, overlap, {}, [request]);
    loop.run();
    expect(sequences[0]).toMatchObject({ ids: whole, finishReason: 'length' });
  });

  test('calls an eos in the last place stop, and wastes no row on a length that is known', () => {
    const promptIds = [5, 6, 7];
    const whole = fakeCompletion({ promptIds, seed: 0, maxTokens: 12 });
    const length = whole.indexOf(whole[4]!) + 1;
    const request = { promptIds, maxTokens: length, eosIds: [whole[4]!], seed: 0 };
    const { runner, loop, sequences } = setUp(name, overlap, {}, [request]);
    loop.run();
    expect(sequences[0]).toMatchObject({ finishReason: 'stop' });
    expect(runner.plans).toHaveLength(length);
  });

  test('ends only the request whose logits are not finite', () => {
    const requests = [0, 1, 2].map((index) => ({ promptIds: [index], maxTokens: 6, seed: index }));
    const { runner, loop, sequences } = setUp(name, overlap, {}, requests);
    runner.isBroken = (row) => row.seed === 1 && row.position === 3;
    loop.run();
    expect(sequences.map((sequence) => sequence.finishReason)).toEqual(['length', 'error', 'length']);
    expect(sequences.map((sequence) => sequence.ids)).toEqual([
      expected(sequences[0]!),
      expected(sequences[1]!).slice(0, 2),
      expected(sequences[2]!),
    ]);
  });

  test('ends the requests of a failed step and finishes the others', () => {
    const requests = Array.from({ length: 6 }, (_, index) => ({ promptIds: [index, 1], maxTokens: 5, seed: index }));
    const { loop, sequences } = setUp(name, overlap, { maxBatchSize: 2 }, requests);
    loop.turn();
    const concerned = new Set(loop.turn(true).map((row) => row.sequence));
    loop.run();
    expect(concerned.size).toBe(name === 'naive' ? 1 : 2);
    for (const sequence of sequences) {
      const failed = concerned.has(sequence);
      expect(sequence.finishReason).toBe(failed ? 'error' : 'length');
      // Without overlap or with it, the first step has given its id before the second fails.
      expect(sequence.ids).toEqual(failed ? expected(sequence).slice(0, 1) : expected(sequence));
    }
    expect(loop.ends).toHaveLength(6);
  });

  test('frees blocks and place of an aborted request at once, in every state', () => {
    const requests = Array.from({ length: 4 }, (_, index) => ({
      promptIds: [index, 1, 2, 3],
      maxTokens: 8,
      seed: index,
    }));
    const { scheduler, loop, sequences } = setUp(name, overlap, { maxBatchSize: 2, numBlocks: 4 }, requests);
    const [first, second, third, fourth] = sequences;
    scheduler.abort(fourth!);
    expect(fourth).toMatchObject({ status: 'finished', finishReason: 'abort' });

    loop.turn();
    loop.turn();
    expect(first?.status).toBe('running');
    scheduler.abort(first!);
    scheduler.checkIntegrity();
    scheduler.abort(first!);
    const { ids: idsOfFirst } = first!;
    expect(scheduler.numRunning + scheduler.numWaiting).toBe(2);

    loop.run();
    // The id in flight at the abort is not taken over.
    expect(idsOfFirst).toEqual(expected(first!).slice(0, overlap ? 1 : 2));
    for (const sequence of [second!, third!]) expect(sequence.ids).toEqual(expected(sequence));
    expect(loop.ends).toEqual([second, third]);
  });

  test('refuses a request that can never fit, with both numbers', () => {
    const { scheduler } = setUp(name, overlap, { maxModelLen: 32, numBlocks: 5, blockSize: 4 }, []);
    const add = (length: number, maxTokens: number) => () =>
      scheduler.addRequest(testSequence({ promptIds: Array(length).fill(1), maxTokens }));
    expect(add(20, 13)).toThrow('request request needs 33 tokens for its prompt and maxTokens, expected at most 32');
    expect(add(12, 9)).toThrow(
      'request request needs 6 blocks of 4 tokens for its prompt and maxTokens, expected at most 5',
    );
    expect(add(12, 9)).toThrow(RequestTooLargeError);
    expect(scheduler.hasUnfinished()).toBe(false);
    add(12, 8)();
    expect(scheduler.hasUnfinished()).toBe(true);
  });
});

describe('overlap', () => {
  test.each([{ presencePenalty: 1 }, { frequencyPenalty: 1 }, { repetitionPenalty: 2 }])(
    'leaves out a sequence with %j while two of its ids are pending, and no other',
    (sampling) => {
      const requests = [{ sampling }, {}].map((each) => ({ promptIds: [1, 2, 3], maxTokens: 9, ...each }));
      const { scheduler } = setUp('online', true, {}, requests);
      const steps = [0, 1, 2].map(() => scheduler.schedule().rows);
      expect(steps.map(ids)).toEqual(['r0 r1', 'r0 r1', 'r1']);
      scheduler.update(steps[0]!, { ids: Int32Array.of(7, 8), finite: Uint8Array.of(1, 1) });
      expect(ids(scheduler.schedule().rows)).toBe('r0 r1');
    },
  );

  test('schedules the next step on the assumption of one id, and nothing once all ids are in flight', () => {
    const { scheduler, sequences } = setUp('online', true, {}, [{ promptIds: [1, 2, 3], maxTokens: 2 }]);
    const first = scheduler.schedule().rows;
    expect(first).toMatchObject([{ start: 0, numTokens: 3, samples: true }]);
    const second = scheduler.schedule().rows;
    expect(second).toMatchObject([{ start: 3, numTokens: 1, samples: true }]);
    expect(sequences[0]?.numPendingIds).toBe(2);
    expect(scheduler.schedule().rows).toEqual([]);

    const result = (id: number) => ({ ids: Int32Array.of(id), finite: Uint8Array.of(1) });
    expect(scheduler.update(first, result(7))).toMatchObject([{ id: 7, finishReason: null }]);
    expect(scheduler.update(second, result(8))).toMatchObject([{ id: 8, finishReason: 'length' }]);
    expect(sequences[0]?.ids).toEqual([7, 8]);
  });

  test('a sequence preempted with an id in flight keeps the id and starts again only with it', () => {
    const requests = [0, 1].map((seed) => ({ promptIds: [1, 2, 3, 4], maxTokens: 4, seed }));
    const { scheduler, sequences } = setUp('online', true, { numBlocks: 3, blockSize: 4 }, requests);
    const [older, newer] = sequences;
    const prefill = scheduler.schedule().rows;
    expect(ids(prefill)).toBe('r0 r1');
    expect(ids(scheduler.schedule().rows)).toBe('r0');
    expect(newer).toMatchObject({ status: 'preempted', numComputedTokens: 0, numPendingIds: 1 });

    // All blocks are free, but the id is still in flight.
    scheduler.abort(older!);
    expect(scheduler.schedule().rows).toEqual([]);
    scheduler.update(prefill, { ids: Int32Array.of(7, 8), finite: Uint8Array.of(1, 1) });
    expect(newer).toMatchObject({ status: 'preempted', ids: [8] });
    expect(older?.ids).toEqual([]);
    expect(scheduler.schedule().rows).toMatchObject([{ sequence: newer, start: 0, numTokens: 5, samples: true }]);
  });

  test('a preempted sequence whose id in flight was its last finishes without running again', () => {
    const requests = [
      { promptIds: [1, 2, 3, 4], maxTokens: 9 },
      { promptIds: [1, 2, 3, 4], maxTokens: 5 },
    ];
    const { runner, loop, sequences, scheduler } = setUp('online', true, { numBlocks: 4, blockSize: 4 }, requests);
    loop.run();
    expect(scheduler.numPreemptions).toBe(1);
    expect(sequences[1]).toMatchObject({ finishReason: 'length', ids: expected(sequences[1]!) });
    expect(runner.plans.map((plan) => plan.numSequences)).toEqual([2, 2, 2, 2, 2, 1, 1, 1, 1]);
  });
});

describe('admission', () => {
  const four = [3, 1, 2, 2].map((maxTokens, index) => ({ promptIds: [index, 1], maxTokens }));
  const timeline = (name: SchedulerName, limits: Partial<ModelLimits>): string[] => {
    const { loop } = setUp(name, false, limits, four);
    const steps: string[] = [];
    while (loop.hasWork) steps.push(ids(loop.turn()));
    return steps;
  };

  test('naive runs one sequence to its end', () => {
    expect(timeline('naive', { maxBatchSize: 2 })).toEqual(['r0', 'r0', 'r0', 'r1', 'r2', 'r2', 'r3', 'r3']);
  });

  test('offline runs a group until all its members have ended', () => {
    expect(timeline('offline', { maxBatchSize: 2 })).toEqual(['r0 r1', 'r0', 'r0', 'r2 r3', 'r2 r3']);
    expect(timeline('offline', { maxBatchSize: 8 })).toEqual(['r0 r1 r2 r3', 'r0 r2 r3', 'r0']);
  });

  test('online fills a place as soon as it is free', () => {
    expect(timeline('online', { maxBatchSize: 2 })).toEqual(['r0 r1', 'r0 r2', 'r0 r2', 'r3', 'r3']);
  });

  test('offline cuts a group to what the pool holds and lets a preempted member resume within it', () => {
    const requests = [7, 7, 1, 1].map((maxTokens, index) => ({ promptIds: [index, 1], maxTokens }));
    const { loop, scheduler } = setUp('offline', false, { numBlocks: 5, blockSize: 2 }, requests);
    const steps: string[] = [];
    while (loop.hasWork) steps.push(ids(loop.turn()));
    expect(steps).toEqual([
      'r0 r1 r2', // a block for each of r0 and r1 stays free, so r3 waits
      'r0 r1',
      'r0 r1',
      'r0', // takes a third block; r1 finds none and loses its own
      'r0',
      'r0',
      'r0',
      'r1 r3',
      'r1',
      'r1',
      'r1',
    ]);
    expect(scheduler.numPreemptions).toBe(1);
  });

  test('offline starts a group over several steps when its prompts exceed maxBatchTokens', () => {
    const limits = { maxModelLen: 5, maxBatchTokens: 5 };
    expect(timeline('offline', limits)).toEqual(['r0 r1 r2', 'r0 r2 r3', 'r0 r2 r3']);
  });

  test('offline lets a request that arrives later wait for the next group', () => {
    const { scheduler, loop } = setUp('offline', false, {}, four.slice(0, 2));
    loop.turn();
    scheduler.addRequest(testSequence({ requestId: 'late', promptIds: [1], maxTokens: 1 }));
    expect([loop.turn(), loop.turn(), loop.turn()].map(ids)).toEqual(['r0', 'r0', 'late']);
  });

  test('online keeps to the order of arrival: a prompt that can not be placed is not overtaken', () => {
    const requests = [6, 7, 1].map((length, index) => ({ promptIds: Array(length).fill(index), maxTokens: 2 }));
    const { loop } = setUp('online', false, { maxModelLen: 12, blockSize: 4, numBlocks: 3 }, requests);
    expect([loop.turn(), loop.turn(), loop.turn()].map(ids)).toEqual(['r0', 'r0', 'r1 r2']);
  });

  test('online gives no place to a newcomer in a step that preempted', () => {
    const requests = [0, 1, 2].map((seed) => ({ promptIds: [1, 2, 3, 4], maxTokens: 8, seed }));
    const { loop, scheduler } = setUp('online', false, { numBlocks: 4, blockSize: 4 }, requests);
    expect(Array.from({ length: 6 }, () => ids(loop.turn()))).toEqual([...Array(5).fill('r0 r1'), 'r0']);
    expect(scheduler.numPreemptions).toBe(1);
  });
});

describe('limits', () => {
  test('a prompt longer than maxBatchTokens comes in chunks, beside the decoding sequences and with all its blocks', () => {
    const requests = [2, 9, 1].map((length, index) => ({ promptIds: Array(length).fill(index), maxTokens: 3 }));
    const { loop } = setUp('online', false, { maxBatchTokens: 4, maxModelLen: 12, blockSize: 4 }, requests);
    const turns = [1, 2, 3, 4, 5].map(() => loop.turn().map((row) => `${row.sequence.requestId} ${row.numTokens}`));
    expect(turns).toEqual([
      ['r0 2', 'r1 2'],
      ['r0 1', 'r1 3'],
      ['r0 1', 'r1 3'],
      ['r1 1', 'r2 1'],
      ['r1 1', 'r2 1'],
    ]);
  });

  test('only the chunk that ends the prompt samples', () => {
    const { loop } = setUp('naive', false, { maxBatchTokens: 4 }, [{ promptIds: [1, 2, 3, 4, 5, 6], maxTokens: 1 }]);
    const rows = [loop.turn(), loop.turn()].flat();
    expect(rows.map(({ start, numTokens, samples }) => ({ start, numTokens, samples }))).toEqual([
      { start: 0, numTokens: 4, samples: false },
      { start: 4, numTokens: 2, samples: true },
    ]);
  });

  test.each(['maxBatchSize', 'maxBatchTokens', 'maxModelLen'])('%s of 0 is refused', (name) => {
    const { limits } = new FakeRunner();
    expect(() => createScheduler('online', { ...limits, [name]: 0 })).toThrow(`${name} is 0, expected an integer ≥ 1`);
  });

  test('an unknown scheduler is refused with the known ones', () => {
    const name: string = 'greedy';
    // @ts-expect-error: what a caller without types may say
    expect(() => createScheduler(name, new FakeRunner().limits)).toThrow(
      'scheduler is "greedy", expected one of naive, offline, online',
    );
  });
});
