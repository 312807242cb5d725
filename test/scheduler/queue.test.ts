// The queue's order and the choice of a victim, each by itself.
import { describe, expect, test } from 'vitest';
import type { Sequence } from '../../src/core/sequence.ts';
import { chooseVictim } from '../../src/scheduler/choose-victim.ts';
import { createScheduler, queuePolicyNames } from '../../src/scheduler/create-scheduler.ts';
import { fcfs } from '../../src/scheduler/queue/fcfs.ts';
import { PRIORITY_AGEING_MS, priority } from '../../src/scheduler/queue/priority.ts';
import { PROMPT_AGEING_MS, shortestPromptFirst } from '../../src/scheduler/queue/shortest-prompt-first.ts';
import { insertByRank, WaitingQueue } from '../../src/scheduler/queue/waiting-queue.ts';
import { testSequence } from '../support/engine/drive-scheduler.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';

/** A sequence with a place in the queue. */
function placed(requestId: string, rank: number, order: number, length = 1): Sequence {
  const sequence = testSequence({ requestId, promptIds: Array(length).fill(1), maxTokens: 4 });
  Object.assign(sequence, { rank, order });
  return sequence;
}

const names = (sequences: readonly Sequence[]) => sequences.map(({ requestId }) => requestId).join(' ');

describe('the waiting queue', () => {
  test('is in the order of ranks, and of arrival among equals, however they come', () => {
    const queue = new WaitingQueue();
    for (const sequence of [placed('c', 5, 2), placed('a', 1, 3), placed('b', 5, 0), placed('d', 9, 1)])
      queue.add(sequence);
    expect(names([...queue])).toBe('a b c d');
    expect(queue.head?.requestId).toBe('a');
    // A preempted sequence comes back to its place.
    queue.add(placed('e', 5, 1));
    expect(names([...queue])).toBe('a b e c d');
  });

  test('takes ranks below zero, of any size, and of halves', () => {
    const queue = new WaitingQueue();
    for (const [order, rank] of [1e12, -3, 0.5, 0, -1e9].entries()) queue.add(placed(`${rank}`, rank, order));
    expect(names([...queue])).toBe('-1000000000 -3 0 0.5 1000000000000');
  });

  test('counts requests and prompt tokens, without those taken out, from any place', () => {
    const queue = new WaitingQueue();
    const [a, b, c] = [placed('a', 0, 0, 3), placed('b', 0, 1, 5), placed('c', 0, 2, 7)];
    for (const sequence of [a, b, c]) queue.add(sequence);
    expect([queue.length, queue.numTokens]).toEqual([3, 15]);
    queue.remove(b);
    expect([names([...queue]), queue.numTokens]).toEqual(['a c', 10]);
    queue.remove(b);
    queue.remove(a);
    expect([names([...queue]), queue.numTokens]).toEqual(['c', 7]);
    queue.remove(c);
    expect([queue.length, queue.numTokens, queue.head]).toEqual([0, 0, undefined]);
  });

  test('puts anything that has a sequence in its place', () => {
    const items = [placed('a', 1, 0), placed('c', 3, 1)].map((sequence) => ({ sequence }));
    insertByRank(items, { sequence: placed('b', 1, 2) }, ({ sequence }) => sequence);
    expect(names(items.map(({ sequence }) => sequence))).toBe('a b c');
  });
});

describe('the victim', () => {
  const shared = new Map<Sequence, number>();
  const kv = { numSharedTokens: (sequence: object) => [...shared].find(([key]) => key === sequence)?.[1] ?? 0 };
  /** A sequence that has computed `numComputed` tokens, some of them in blocks that others share. */
  const holding = (requestId: string, numComputedTokens: number, numShared = 0) => {
    const sequence = placed(requestId, 0, 0);
    sequence.numComputedTokens = numComputedTokens;
    shared.set(sequence, numShared);
    return sequence;
  };

  test('is the one with the fewest tokens to compute again', () => {
    expect(chooseVictim([holding('a', 30), holding('b', 8), holding('c', 12)], kv)?.requestId).toBe('b');
  });

  test('does not count tokens that others keep', () => {
    expect(chooseVictim([holding('a', 100, 96), holding('b', 8), holding('c', 5)], kv)?.requestId).toBe('a');
  });

  test('is the last among equals', () => {
    expect(chooseVictim([holding('a', 8), holding('b', 8), holding('c', 24, 16)], kv)?.requestId).toBe('c');
  });

  test('is none where there is no candidate', () => {
    expect(chooseVictim([], kv)).toBeUndefined();
  });
});

describe('a queue policy', () => {
  const request = (arrival: number, length = 1, level = 0) =>
    testSequence({ promptIds: Array(length).fill(1), maxTokens: 1, arrival, priority: level });

  test('fcfs ranks all alike, so that the order of arrival decides', () => {
    expect(fcfs.rank(request(5, 3, 1))).toBe(fcfs.rank(request(9, 1, -1)));
  });

  test('priority puts the more urgent first, and a request that has waited for its ageing time before it', () => {
    const old = priority.rank(request(0, 1, 2));
    expect(priority.rank(request(0, 1, -1))).toBeLessThan(old);
    expect(priority.rank(request(3 * PRIORITY_AGEING_MS - 1, 1, -1))).toBeLessThan(old);
    expect(priority.rank(request(3 * PRIORITY_AGEING_MS, 1, -1))).toBe(old);
    expect(priority.rank(request(3 * PRIORITY_AGEING_MS + 1, 1, -1))).toBeGreaterThan(old);
  });

  test('shortest-prompt-first puts the shorter first, and a request that has waited for its ageing time before it', () => {
    const long = shortestPromptFirst.rank(request(0, 100));
    expect(shortestPromptFirst.rank(request(90 * PROMPT_AGEING_MS - 1, 10))).toBeLessThan(long);
    expect(shortestPromptFirst.rank(request(90 * PROMPT_AGEING_MS, 10))).toBe(long);
    expect(shortestPromptFirst.rank(request(90 * PROMPT_AGEING_MS + 1, 10))).toBeGreaterThan(long);
  });

  test('is known by its name only', () => {
    const { limits } = new FakeRunner();
    for (const name of queuePolicyNames) expect(createScheduler('online', limits, name).numWaiting).toBe(0);
    // @ts-expect-error: what a caller without types may say
    expect(() => createScheduler('online', limits, 'toString')).toThrow(
      'queuePolicy is "toString", expected one of fcfs',
    );
  });
});
