// Schedulers under random arrivals, aborts and faults, without engine or GPU: one end each, the right ids, and an
// intact pool after every step.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Sequence } from '../../src/core/sequence.ts';
import { maxBlocksHeld } from '../../src/kv/sequence-blocks.ts';
import { createScheduler, queuePolicyNames, schedulerNames } from '../../src/scheduler/create-scheduler.ts';
import { SchedulerLoop, testSequence } from '../support/engine/drive-scheduler.ts';
import { FakeRunner, fakeCompletion } from '../support/engine/fake-runner.ts';

// 12 + 10 tokens at most, so that 22 tokens of blocks and of context hold any single request.
const LONGEST = 22;
const VOCAB = 24;
const TURN_MS = 30;

const request = fc.record({
  // Half of the prompts begin alike, so that they share blocks.
  promptIds: fc.oneof(
    fc.array(fc.nat(VOCAB - 1), { minLength: 1, maxLength: 12 }),
    fc.integer({ min: 1, max: 12 }).map((length) => Array.from({ length }, (_, index) => index)),
  ),
  maxTokens: fc.integer({ min: 1, max: 10 }),
  eosIds: fc.array(fc.nat(VOCAB - 1), { maxLength: 2 }),
  arrival: fc.nat(8),
  abortAt: fc.option(fc.nat(25), { freq: 2 }),
  brokenAt: fc.option(fc.nat(LONGEST), { freq: 2 }),
  countsOutput: fc.boolean(),
  priority: fc.integer({ min: -2, max: 2 }),
  group: fc.constantFrom('a', 'a', 'b', null),
});

const setting = fc.record({
  name: fc.constantFrom(...schedulerNames),
  policy: fc.constantFrom(...queuePolicyNames),
  targetTokens: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  /** Steps that turns leave unread, over and over. */
  numLeft: fc.array(fc.nat(2), { minLength: 1, maxLength: 4 }),
  maxBatchSize: fc.integer({ min: 1, max: 5 }),
  maxBatchTokens: fc.integer({ min: 1, max: 40 }),
  blockSize: fc.integer({ min: 1, max: 5 }),
  spareBlocks: fc.nat(4),
  window: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  /** The first step that fails, and steps that fail with it. */
  failures: fc.option(fc.tuple(fc.nat(15), fc.constantFrom(1, 1, 2, 3, Number.POSITIVE_INFINITY)), { freq: 2 }),
  requests: fc.array(request, { minLength: 1, maxLength: 9, size: 'max' }),
});

/** Ranks that the policies give a request. */
const placeIn = {
  fcfs: ({ arrival }: { arrival: number }) => arrival,
  priority: ({ arrival, priority }: { arrival: number; priority: number }) => arrival * TURN_MS + 1000 * priority,
  'shortest-prompt-first': ({ arrival, promptIds }: { arrival: number; promptIds: readonly number[] }) =>
    arrival * TURN_MS + 10 * promptIds.length,
};

const byRank = (a: Sequence, b: Sequence) => a.rank - b.rank || a.order - b.order;

test('whatever arrives, aborts, breaks or fails, once, in a row or for ever: one end each, the right ids, no limit passed, nothing lost or shared', () => {
  let [numPreemptions, numSlid] = [0, 0];
  fc.assert(
    fc.property(
      setting,
      ({
        name,
        numLeft,
        maxBatchSize,
        maxBatchTokens,
        blockSize,
        spareBlocks,
        window,
        failures,
        requests,
        ...queue
      }) => {
        const runner = new FakeRunner({
          maxBatchSize,
          maxModelLen: LONGEST,
          maxBatchTokens,
          blockSize,
          numBlocks: maxBlocksHeld(LONGEST, { blockSize, window, maxBatchTokens }) + spareBlocks,
          vocabSize: VOCAB,
          window,
        });
        const scheduler = createScheduler(name, runner.limits, queue.policy);
        const loop = new SchedulerLoop(scheduler, runner, { numLeft, targetTokens: queue.targetTokens });
        const live = requests.map((fields, index) => ({
          ...fields,
          sequence: testSequence({
            ...fields,
            arrival: fields.arrival * TURN_MS,
            seed: index,
            sampling: { presencePenalty: fields.countsOutput ? 1 : 0 },
          }),
        }));
        const isBroken = new Set<number>();
        runner.isBroken = ({ seed, position }) => {
          if (position !== live[seed]?.brokenAt) return false;
          isBroken.add(seed);
          return true;
        };

        const aborted: Sequence[] = [];
        const concerned = new Set<Sequence>();
        const [failAt, numFailures] = failures ?? [Number.POSITIVE_INFINITY, 0];
        // Every turn runs a token or waits for one in flight, so a request takes at most 22 + 2 · 10 turns between preemptions.
        for (let turn = 0; turn <= 25 || loop.hasWork; turn++) {
          if (turn > 2000) throw new Error('no end in 2000 turns');
          for (const { sequence, arrival } of live) if (arrival === turn) scheduler.addRequest(sequence);
          for (const { sequence, arrival, abortAt } of live) {
            if (abortAt !== turn || arrival > turn || sequence.status === 'finished') continue;
            scheduler.abort(sequence);
            aborted.push(sequence);
          }
          const best = live
            .map(({ sequence }) => sequence)
            .filter(({ status }) => status === 'running')
            .sort(byRank)[0];
          const waited = live.filter(({ sequence, arrival }) => sequence.status === 'waiting' && arrival <= turn);
          const fails = turn >= failAt && turn < failAt + numFailures;
          const rows = loop.turn(fails);
          if (fails) for (const { sequence } of rows) concerned.add(sequence);
          const [left, started] = [true, false].map((isLeft) =>
            waited.filter(({ sequence }) => (sequence.status === 'waiting') === isLeft).map(placeIn[queue.policy]),
          );
          // The first of the running sequences always moves on, so at least one does.
          if (best !== undefined && loop.preempted.includes(best)) expect.fail('the first one lost its blocks');
          // No sequence is overtaken.
          if (Math.max(...(started ?? [])) > Math.min(...(left ?? []))) expect.fail('a later one started before it');
        }

        const ends = [...loop.ends, ...aborted];
        expect(ends).toHaveLength(live.length);
        expect(new Set(ends).size).toBe(live.length);
        for (const { sequence, promptIds, maxTokens, eosIds, countsOutput } of live) {
          const { ids, finishReason, params } = sequence;
          // A failing step ends the requests in it, unless something else has ended them before, and no others.
          if (concerned.has(sequence)) expect(finishReason).not.toBe('length');
          else if (!isBroken.has(params.seed)) expect(finishReason).not.toBe('error');
          const whole = fakeCompletion({
            promptIds,
            maxTokens,
            eosIds,
            seed: params.seed,
            vocabSize: VOCAB,
            countsOutput,
            window,
          });
          const complete = finishReason === 'stop' || finishReason === 'length';
          expect(ids).toEqual(complete ? whole : whole.slice(0, ids.length));
          expect(finishReason === 'stop').toBe(complete && eosIds.includes(ids.at(-1) ?? -1));
          expect(sequence).toMatchObject({ status: 'finished', numPendingIds: 0 });
        }
        numPreemptions += scheduler.numPreemptions;
        if (
          window !== undefined &&
          runner.plans.some(({ blockTables, numSequences }) => numSequences > 0 && blockTables[0]! < 0)
        )
          numSlid++;
      },
    ),
    { seed: 7, numRuns: 5000 },
  );
  // The property means little unless it met the hard case.
  expect(numPreemptions).toBeGreaterThan(200);
  expect(numSlid).toBeGreaterThan(200);
});
