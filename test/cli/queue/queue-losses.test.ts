// A queue of which others take messages away, or that has little room: nothing waits for ever, and nothing stays there that nobody reads.
// @module-tag sweep

import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { LineSet } from '../../../src/cli/batch/line-set.ts';
import { hasNatsServer } from '../../support/queue/nats-server.ts';
import { all, answerOf, call, expected, lines, never, RUN, setUp, startOf } from '../../support/queue/test-queue.ts';

const OTHER_RUN = 'fedcba9876543210';

describe.skipIf(!hasNatsServer)('a queue, for which this machine needs nats-server,', () => {
  test('is asked again for jobs that others took away, and is said to have no worker', async () => {
    const { answers, begin, worker, notices, admin } = await setUp();
    const { manager } = await admin();
    begin();
    const results = all(answers, 20);
    while ((await manager.streams.info('roseinfer_jobs')).state.messages < 20) await setTimeout(5);
    await manager.streams.purge('roseinfer_jobs');
    while (!notices.some((line) => line.includes('lost'))) await setTimeout(5);
    const helper = await worker();
    expect(await results).toEqual(expected(20));
    expect(notices.slice(0, 2)).toEqual([
      'the queue "URL" has no worker: waiting for it',
      'the queue "URL" lost 20 of our messages, and is asked again',
    ]);
    await helper.stop();
  });

  test('is not said to have no worker once a run has ended', async () => {
    const { answers, begin, notices } = await setUp();
    begin();
    await answers[Symbol.asyncDispose]();
    expect(notices).toEqual([]);
  });

  test('with room for few results gives those of a long run', async () => {
    const { answers, begin, worker, notices, admin } = await setUp();
    const { manager } = await admin();
    await manager.streams.update('roseinfer_results', { max_msgs: 10 });
    const done = new LineSet();
    begin(done);
    const helper = await worker();
    const results = await Promise.all(
      lines(30).map(async (line) => {
        const answer = await answers.answer(call(line));
        done.add(line);
        return answer;
      }),
    );
    expect(results).toEqual(expected(30));
    expect(notices.filter((line) => line.includes('full'))).toHaveLength(2);
    await helper.stop();
  });

  test('whose streams take short messages refuses a long line by name', async () => {
    const { admin, open, answers, begin } = await setUp();
    const { manager } = await admin();
    await manager.streams.update('roseinfer_jobs', { max_msg_size: 20_000 });
    begin();
    await setTimeout(100);
    const { record } = await answers.answer({ ...call(1), body: { prompt: 'x'.repeat(20_000) } });
    expect(JSON.parse(record).error).toMatchObject({
      code: 'line_too_long',
      message: expect.stringMatching(/^line is 20\d{3} bytes as a job, expected at most 19488/),
    });
    await manager.streams.update('roseinfer_jobs', { max_msg_size: 1000 });
    await expect(open()).rejects.toThrow(
      /whose stream "roseinfer_jobs" has max_msg_size 1000, expected at least 16384: another NAME, or that stream away$/,
    );
  });

  test('gets no result of a job that is gone when its worker has the answer', async () => {
    const { answers, begin, worker, admin } = await setUp();
    const { manager } = await admin();
    const cut = new AbortController();
    begin(new LineSet(), cut.signal);
    const helper = await worker({ delay: 500 });
    const results = Promise.allSettled(lines(3).map((line) => answers.answer(call(line))));
    while (helper.asked.length < 3) await setTimeout(5);
    await manager.streams.purge('roseinfer_jobs');
    cut.abort(new Error('cut'));
    await results;
    await helper.stop();
    expect((await manager.streams.info('roseinfer_results')).state.messages).toBe(0);
  });

  test('loses the messages of a run that is overwritten, or cut where nothing can go on with it', async () => {
    const { answers, admin } = await setUp();
    const { nats, manager } = await admin();
    const numMessages = async () => {
      const infos = await Promise.all(['jobs', 'results'].map((name) => manager.streams.info(`roseinfer_${name}`)));
      return infos.map(({ state }) => state.messages);
    };
    nats.publish(`roseinfer.j.any.${OTHER_RUN}.1`, '{}');
    nats.publish(`roseinfer.r.${OTHER_RUN}.2`, answerOf(call(2)).record);
    await nats.flush();
    const cut = new AbortController();
    const start = startOf(new LineSet());
    answers.begin({ ...start, former: { name: 'roseinfer', run: OTHER_RUN }, canGoOn: false }, cut.signal);
    const results = Promise.allSettled(lines(3).map((line) => answers.answer(call(line))));
    while (String(await numMessages()) !== '3,0') await setTimeout(5);
    nats.publish(`roseinfer.r.${RUN}.9`, answerOf(call(9)).record);
    cut.abort(new Error('cut'));
    await results;
    await answers[Symbol.asyncDispose]();
    expect(await numMessages()).toEqual([0, 0]);
  });

  test('that is gone when all results are safe does not fail the run', async () => {
    const { server, answers, begin, worker, notices } = await setUp();
    begin(new LineSet(), never);
    const helper = await worker();
    expect(await all(answers, 3)).toEqual(expected(3));
    await server.kill();
    expect(await answers.finish()).toBeNull();
    expect(notices.at(-1)).toMatch(
      /^the queue "URL" may have messages of this run left \(.+\), which the same command takes away$/,
    );
    await helper.kill();
  });
});
