// Lines through a real queue: each is answered once, whatever becomes of workers, of the server and of what others put there.
// @module-tag sweep

import { setTimeout } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LineSet } from '../../../src/cli/batch/line-set.ts';
import { readQueueAddress } from '../../../src/cli/queue/queue-address.ts';
import { QueueAnswers } from '../../../src/cli/queue/queue-answers.ts';
import { QueueConnection } from '../../../src/cli/queue/queue-connection.ts';
import { hasNatsServer } from '../../support/queue/nats-server.ts';
import { all, answerOf, call, expected, lines, never, RUN, setUp, startOf } from '../../support/queue/test-queue.ts';

describe.skipIf(!hasNatsServer)('a queue, for which this machine needs nats-server,', () => {
  test('answers every line once, with workers that die and come and a server that is started again', async () => {
    const { server, answers, begin, worker, notices, admin } = await setUp();
    const [first, second] = [await worker(), await worker()];
    begin();
    const results = all(answers, 600);
    while (first.asked.length + second.asked.length < 150) await setTimeout(5);
    await first.kill();
    await server.kill();
    await setTimeout(300);
    await server.begin();
    const third = await worker();
    expect(await results).toEqual(expected(600));
    expect(third.asked.length).toBeGreaterThan(0);
    expect(notices).toEqual(
      expect.arrayContaining(['the queue "URL" is gone: waiting for it', 'the queue "URL" goes on']),
    );
    expect(await answers.finish()).toBeNull();
    const { manager } = await admin();
    const states = await Promise.all(['roseinfer_jobs', 'roseinfer_results'].map((name) => manager.streams.info(name)));
    expect(states.map(({ state }) => state.messages)).toEqual([0, 0]);
    await second.stop();
    await third.stop();
  });

  test('is asked again for what it lost with its disk', async () => {
    const { server, answers, begin, worker, notices } = await setUp();
    begin();
    const results = all(answers, 40);
    await setTimeout(200);
    await server.kill({ forget: true });
    await server.begin();
    const late = await worker();
    expect(await results).toEqual(expected(40));
    expect(notices).toContain('the queue "URL" lost its messages, and is asked again');
    await late.stop();
  });

  test('that is full is waited for, and named', async () => {
    const { answers, begin, worker, notices, admin } = await setUp();
    const { manager } = await admin();
    await manager.streams.update('roseinfer_jobs', { max_msgs: 5 });
    begin();
    const results = all(answers, 30);
    while (!notices.some((line) => line.includes('is full'))) await setTimeout(5);
    const helper = await worker();
    expect(await results).toEqual(expected(30));
    expect(notices).toContain('the queue "URL" is full (maximum messages exceeded): waiting for it');
    await helper.stop();
  });

  test('gives a record of its fault to a message that is no job, and drops one whose subject names no line', async () => {
    const { answers, begin, worker, admin } = await setUp();
    const { nats, manager } = await admin();
    const bad = ['{', '[]', '{"custom_id":null,"path":"/v1/completions","seed":-1}', '{"path":"/x"}', '{"hurry":1}'];
    bad.forEach((text, i) => void nats.publish(`roseinfer.j.any.${RUN}.${i + 1}`, text));
    nats.publish('roseinfer.j.any.nobody', '{}');
    await nats.flush();
    begin();
    const helper = await worker();
    const results = await all(answers, 7);
    const faults = results.slice(0, bad.length).map(({ record }) => JSON.parse(record).error);
    expect(faults).toEqual(
      [
        'message is no JSON in UTF-8, expected a job',
        'message is no object, expected a job',
        'seed is -1, expected an integer in [0, 2^53)',
        'path is "/x", expected /v1/completions or /v1/chat/completions',
        '"hurry" is unknown, expected custom_id, path, body, seed',
      ].map((message, i) => ({ code: 'invalid_job', message, line: i + 1 })),
    );
    expect(results.slice(bad.length)).toEqual(expected(7).slice(bad.length));
    expect(helper.asked.toSorted((a, b) => a - b)).toEqual([6, 7]);
    while ((await manager.streams.info('roseinfer_jobs')).state.messages > 0) await setTimeout(5);
    await helper.stop();
  });

  test('refuses a line and a result that are longer than its messages, by name', async () => {
    const { answers, begin, worker } = await setUp();
    begin();
    const helper = await worker();
    const long = { ...call(1), body: { prompt: 'x'.repeat(2 ** 20) } };
    const { record, isError } = await answers.answer(long);
    expect(isError).toBe(true);
    expect(JSON.parse(record).error).toMatchObject({
      code: 'line_too_long',
      message: expect.stringMatching(/^line is 10\d{5} bytes as a job, expected at most 1048064/),
    });
    const nearly = { ...call(2), body: { prompt: '\\'.repeat(2 ** 18) } };
    expect(JSON.parse((await answers.answer(nearly)).record)).toMatchObject({
      custom_id: 'a 2',
      error: { code: 'result_too_long', line: 2 },
    });
    await helper.stop();
  });

  test('goes on for a run that was cut with the results that came meanwhile, and answers none twice', async () => {
    const { open, answers, begin, worker } = await setUp();
    const cut = new AbortController();
    begin(new LineSet(), cut.signal);
    const lost = Promise.allSettled(lines(20).map((line) => answers.answer(call(line))));
    await setTimeout(200);
    cut.abort(new Error('cut'));
    expect((await lost).every(({ status }) => status === 'rejected')).toBe(true);
    const helper = await worker();
    while (helper.asked.length < 20) await setTimeout(5);
    const again = new QueueAnswers(await open(), 'any');
    onTestFinished(() => again[Symbol.asyncDispose]());
    const done = new LineSet();
    done.add(3);
    again.begin(startOf(done), never);
    const rest = lines(20).filter((line) => line !== 3);
    expect(await Promise.all(rest.map((line) => again.answer(call(line))))).toEqual(
      rest.map((line) => answerOf(call(line))),
    );
    expect(helper.asked).toHaveLength(20);
    await helper.stop();
  });

  test('takes a result that is none away, and asks again', async () => {
    const { answers, begin, worker, admin } = await setUp();
    const { nats } = await admin();
    nats.publish(`roseinfer.r.${RUN}.1`, 'rubbish');
    nats.publish(`roseinfer.r.${RUN}.2`, answerOf(call(5)).record);
    await nats.flush();
    begin();
    const results = all(answers, 3);
    await setTimeout(100);
    const helper = await worker();
    expect(await results).toEqual(expected(3));
    await helper.stop();
  });

  test('gives jobs to workers of the fingerprint that they want, and names a fleet of several', async () => {
    const strict = await setUp({ wanted: 'fp_b' });
    const [a, b] = [await strict.worker(), await strict.worker({ fingerprint: 'fp_b' })];
    strict.begin();
    const results = await all(strict.answers, 20);
    expect(results).toEqual(lines(20).map((line) => answerOf(call(line), 'fp_b')));
    expect([a.asked.length, b.asked.length]).toEqual([0, 20]);
    expect(await strict.answers.finish()).toBeNull();
    const mixed = await setUp();
    const both = [await mixed.worker(), await mixed.worker({ fingerprint: 'fp_b' })];
    mixed.begin();
    await all(mixed.answers, 100);
    expect(await mixed.answers.finish()).toMatch(
      /^results of 2 fingerprints, whose ids may differ: (fp_a \d+, fp_b \d+|fp_b \d+, fp_a \d+)$/,
    );
    for (const each of [a, b, ...both]) await each.stop();
  });

  test('without a worker of the wanted fingerprint says so', async () => {
    const { begin, notices, worker } = await setUp({ wanted: 'fp_c' });
    const other = await worker();
    begin();
    while (notices.length === 0) await setTimeout(5);
    expect(notices).toEqual(['the queue "URL" has no worker of the fingerprint fp_c: waiting for it']);
    await other.stop();
  });

  test('gets the jobs of a worker whose device is gone back at once', async () => {
    const { answers, begin, worker } = await setUp();
    begin();
    const broken = await worker({ fail: true });
    const results = all(answers, 5);
    await expect(broken.ended).rejects.toThrow('the device is gone');
    const helper = await worker();
    expect(await results).toEqual(expected(5));
    await helper.stop();
  });

  test('whose streams are of another kind is refused', async () => {
    const { admin, open } = await setUp();
    const { manager } = await admin();
    await manager.streams.delete('roseinfer_results');
    await manager.streams.add({ name: 'roseinfer_results', subjects: ['roseinfer.r.>'] });
    await expect(open()).rejects.toThrow(
      /whose stream "roseinfer_results" has max_msgs_per_subject -1, expected 1: another NAME/,
    );
  });
});

test('a queue that is not there is refused by name', async () => {
  const address = readQueueAddress('queue', 'nats://127.0.0.1:1/nightly');
  await expect(QueueConnection.open(address, { onNotice: () => {} })).rejects.toThrow(
    /^--queue is "nats:\/\/127\.0\.0\.1:1\/nightly", which can't be reached \(.*\), expected a NATS server that lets us in$/,
  );
});
