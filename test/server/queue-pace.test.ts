// The time until a full queue has room, by the pace of an engine.
import { expect, test } from 'vitest';
import { QueuePace } from '../../src/server/queue-pace.ts';
import { HeldRunner } from '../support/engine/test-runners.ts';
import { SERVER_LIMITS, startTestServer } from '../support/server/test-server.ts';

/** A request that waited for `queued` ms and then ran for `ran` ms. */
function end(queued: number | null, ran: number) {
  const arrival = 5000;
  const started = queued === null ? null : arrival + queued;
  const e2e = (queued ?? 0) + ran;
  return {
    timings: { arrival, started, e2e, firstToken: null, lastToken: null, ttft: null, tpot: null, tokenTimes: [] },
  };
}

test.each([
  ['nothing has ended', [], 40, 1],
  ['4 at a time take 2 s each, however long they waited', [end(9000, 2000), end(0, 2000)], 10, 5],
  ['a part of a second counts as a whole', [end(0, 2000)], 3, 2],
  ['requests that never started are none', [end(null, 90_000), end(0, 4000)], 1, 1],
  ['they are short', [end(0, 3)], 1, 1],
  ['they are long', [end(0, 3_600_000)], 1, 60],
])('if %s', (_, ends, count, seconds) => {
  const pace = new QueuePace(4);
  for (const each of ends) pace.onFinish(each);
  expect(pace.secondsUntilEnds(count)).toBe(seconds);
});

test('the latest 32 count', () => {
  const pace = new QueuePace(1);
  for (let i = 0; i < 50; i++) pace.onFinish(end(0, i < 18 ? 50_000 : 1000));
  expect(pace.secondsUntilEnds(7)).toBe(7);
});

test('a refused call is told when to come again, or that it never fits', async () => {
  const runner = new HeldRunner({ ...SERVER_LIMITS, maxBatchSize: 2 });
  await using server = await startTestServer({ runner, engine: { maxQueuedRequests: 3 } });
  const call = { prompt: [1], max_tokens: 2, ignore_eos: true };
  const tooMany = await server.post('/v1/completions', { ...call, n: 6 });
  expect(tooMany.status).toBe(400);
  expect(JSON.parse(await tooMany.text()).error).toMatchObject({
    param: 'n',
    message: 'prompts × n is 6, expected at most 5, as batch and queue hold no more',
  });
  // A call that was refused whole has left nothing in the queue.
  const taken = server.post('/v1/completions', { ...call, n: 5 });
  await expect.poll(() => server.server.numChoices).toBe(5);
  const refused = await server.post('/v1/completions', call);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  expect(JSON.parse(await refused.text()).error.message).toMatch(
    /4 requests would wait, expected at most 3; try again in 1 s$/,
  );
  const release = setInterval(() => runner.settle(), 1);
  expect((await taken).status).toBe(200);
  await server.server.close();
  clearInterval(release);
});
