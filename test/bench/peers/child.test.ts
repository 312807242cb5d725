// Child processes that finish, fail, crash or hang: each costs its own job alone.
import { expect, test } from 'vitest';
import { runChild } from '../../../bench/peers/child.ts';
import type { TestJob } from './job-that.ts';

const script = new URL('./job-that.ts', import.meta.url);

async function run(end: TestJob['end'], { timeoutSeconds = 60, signal = new AbortController().signal } = {}) {
  const results: string[] = [];
  const onResult = (result: string) => {
    results.push(result);
  };
  const error: unknown = await runChild(
    script,
    { end },
    { env: { GREETING: 'hi' }, timeoutSeconds, signal, onResult },
  ).then(
    () => null,
    (reason: unknown) => reason,
  );
  return { results, error };
}

test('runChild hands the job over and every result back, and returns when it is done', async () => {
  expect(await run('done')).toEqual({ results: ['hi done'], error: null });
});

test.each([
  ['error', 'first line'],
  ['crash', 'its process ended with SIGSEGV: last words'],
] as const)(
  'runChild keeps the results before a child ends with %s, whose reason is one line',
  async (end, message) => {
    const { results, error } = await run(end);
    expect(results).toEqual([`hi ${end}`]);
    expect(error).toMatchObject({ name: 'PeerError', message });
  },
);

test('runChild ends a child at its time limit, and at a signal', async () => {
  expect((await run('hang', { timeoutSeconds: 3 })).error).toMatchObject({ message: 'not done after 3 s' });
  const reason = new Error('enough');
  expect((await run('hang', { signal: AbortSignal.abort(reason) })).error).toBe(reason);
  const stop = new AbortController();
  setTimeout(() => stop.abort(reason), 1000);
  expect((await run('hang', { signal: stop.signal })).error).toBe(reason);
});

test('runChild throws the error of onResult, and waits for one that runs before it returns', async () => {
  const options = { env: { GREETING: 'hi' }, timeoutSeconds: 60, signal: new AbortController().signal };
  const reason = new Error('disk is full');
  const full = runChild(script, { end: 'hang' }, { ...options, onResult: () => Promise.reject(reason) });
  await expect(full).rejects.toBe(reason);
  let isTaken = false;
  const onResult = async () => {
    await new Promise((taken) => setTimeout(taken, 50));
    isTaken = true;
  };
  await runChild(script, { end: 'done' }, { ...options, onResult });
  expect(isTaken).toBe(true);
});
