// Scores of prompts in the scheduler's books: which tokens of which step compute them, and what becomes of those in flight.
import { expect, test } from 'vitest';
import { resolveSamplingParams } from '../../src/core/resolve-sampling-params.ts';
import type { SchedulerRow } from '../../src/core/scheduler-output.ts';
import { Sequence } from '../../src/core/sequence.ts';
import { createScheduler } from '../../src/scheduler/create-scheduler.ts';

const LIMITS = { maxBatchSize: 2, maxBatchTokens: 8, maxModelLen: 16, numBlocks: 5, blockSize: 2, vocabSize: 64 };

function sequence(requestId: string, promptIds: readonly number[], promptLogprobs: number | null = null): Sequence {
  const params = resolveSamplingParams({ maxTokens: 6, seed: 1 }, { room: 16, vocabSize: 64 });
  return new Sequence({ requestId, promptIds, params, eosIds: [], arrival: 0, prefixGroup: '', promptLogprobs });
}

const resultOf = (rows: readonly SchedulerRow[]) => ({
  ids: new Int32Array(rows.length).fill(7),
  finite: new Uint8Array(rows.length).fill(1),
});
const scores = (ids: readonly number[]) => ids.map((id) => ({ id, logprob: -id, top: [] }));

test('scores in flight of a sequence that was preempted are dropped when a step before them fails, and computed again', () => {
  const scheduler = createScheduler('online', LIMITS);
  const [first, scored] = [sequence('first', [1, 2, 3]), sequence('scored', [11, 12, 13, 14], 0)];
  scheduler.addRequest(first);
  const failing = scheduler.schedule();
  scheduler.addRequest(scored);
  const inFlight = scheduler.schedule();
  expect(inFlight.rows.at(-1)).toMatchObject({ sequence: scored, scored: { start: 0, end: 3, numTop: 0 } });
  // The pool has no block for another token of it.
  expect(scheduler.schedule().preempted).toEqual([scored]);
  expect(scored).toMatchObject({ status: 'preempted', numPendingIds: 1, numPendingScores: 3 });

  expect(scheduler.fail(failing.rows)).toEqual([first]);
  expect(scored).toMatchObject({ numPendingIds: 0, numPendingScores: 0 });
  const late = { ...resultOf(inFlight.rows), promptLogprobs: scores([12, 13, 14]) };
  expect(scheduler.update(inFlight.rows, late, { scored: inFlight.rows.slice(-1) })).toEqual([]);
  expect(scored).toMatchObject({ ids: [], promptScores: [] });

  const again = scheduler.schedule();
  expect(again.rows).toMatchObject([{ sequence: scored, start: 0, scored: { start: 0, end: 3 } }]);
  scheduler.update(
    again.rows,
    { ...resultOf(again.rows), promptLogprobs: scores([12, 13, 14]) },
    { scored: again.rows },
  );
  expect(scored).toMatchObject({ ids: [7], promptScores: scores([12, 13, 14]), numPendingScores: 0 });
  expect(scored.maxCachedTokens).toBe(Number.POSITIVE_INFINITY);
});

test('a sequence that is scored in part takes from the cache no more than that part', () => {
  const scheduler = createScheduler('online', { ...LIMITS, maxBatchTokens: 4, numBlocks: 8 });
  const [scored, urgent] = [sequence('scored', [1, 2, 3, 4, 5, 6, 7], 2), sequence('urgent', [8])];
  scheduler.addRequest(scored);
  const [chunk] = scheduler.schedule().rows;
  expect(chunk).toMatchObject({ numTokens: 4, samples: false, scored: { start: 0, end: 4, numTop: 2 } });
  expect(scored.maxCachedTokens).toBe(4);
  scheduler.addRequest(urgent);
  const [rest] = scheduler.schedule().rows;
  // The last token scores nothing: no prompt id follows it.
  expect(rest).toMatchObject({ start: 4, numTokens: 3, samples: true, scored: { start: 4, end: 6 } });
  expect(scored.maxCachedTokens).toBe(Number.POSITIVE_INFINITY);
});
