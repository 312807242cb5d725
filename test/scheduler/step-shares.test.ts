// Shares of a step's tokens and blocks when either is short.
import { describe, expect, test } from 'vitest';
import { createScheduler } from '../../src/scheduler/create-scheduler.ts';
import { SchedulerLoop, testSequence } from '../support/engine/drive-scheduler.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';

test('no sequence starts in a step that preempted one, though the blocks would do for the next in the queue', () => {
  const runner = new FakeRunner({ numBlocks: 7, blockSize: 4, maxModelLen: 24 });
  const scheduler = createScheduler('online', runner.limits, 'priority');
  const loop = new SchedulerLoop(scheduler, runner, { numLeft: [0] });
  const add = (requestId: string, length: number, priority: number) =>
    scheduler.addRequest(
      testSequence({ requestId, promptIds: Array(length).fill(priority + 9), maxTokens: 6, priority }),
    );
  const turn = () => {
    const ran = loop.turn().map(({ sequence }) => sequence.requestId);
    return `${ran.join(' ')}; ${loop.preempted.map(({ requestId }) => requestId).join(' ')}`;
  };
  add('first', 8, -2);
  add('last', 15, 2);
  expect(turn()).toBe('first last; ');
  // Six blocks are taken, the first one takes the seventh, and none is left for the last one.
  add('next', 5, 0);
  expect([turn(), turn(), turn()]).toEqual(['first last; ', 'first; last', 'first next; ']);
});

describe('a target for the tokens of a step', () => {
  /** Three turns of two sequences that decode and one with a prompt of 9 tokens. */
  const shares = (targetTokens: number) => {
    const runner = new FakeRunner({ blockSize: 4 });
    const scheduler = createScheduler('online', runner.limits);
    const loop = new SchedulerLoop(scheduler, runner, { numLeft: [0], targetTokens });
    const add = (requestId: string, length: number) =>
      scheduler.addRequest(testSequence({ requestId, promptIds: Array(length).fill(1), maxTokens: 12 }));
    add('a', 1);
    add('b', 1);
    for (let turn = 0; turn < 2; turn++) loop.turn();
    add('long', 9);
    const turn = () => loop.turn().map(({ sequence, numTokens }) => `${sequence.requestId} ${numTokens}`);
    return [turn(), turn(), turn()].map((rows) => rows.join(', '));
  };

  test('cuts a prompt to what the decoding rows leave of it', () => {
    expect(shares(6)).toEqual(['a 1, b 1, long 4', 'a 1, b 1, long 4', 'a 1, b 1, long 1']);
  });

  test('that the decoding rows alone reach lets them run all the same, and the prompt get on by a token', () => {
    for (const target of [1, 2, 3]) expect(shares(target)).toEqual(Array(3).fill('a 1, b 1, long 1'));
  });
});
