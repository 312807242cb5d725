// The lock of a pull: one holder at a time, and none that is gone.
import { spawnSync } from 'node:child_process';
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PullLock } from '../../src/hub/pull-lock.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const { signal } = new AbortController();
const newPath = () => join(temporaryDirectory(), 'locks/a.lock');
const ended = () => spawnSync(process.execPath, ['-e', '']).pid;

/** Leaves a lock as a process does that was killed. */
async function leave(path: string, holder: { host: string; pid: number }, ageMs = 0): Promise<void> {
  await (await PullLock.acquire(path, signal, () => {}))[Symbol.asyncDispose]();
  writeFileSync(path, JSON.stringify({ ...holder, id: 'x' }));
  const time = new Date(Date.now() - ageMs);
  utimesSync(path, time, time);
}

/** Tells whether the lock can be had. */
async function isFree(path: string): Promise<boolean> {
  const abort = new AbortController();
  const lock = PullLock.acquire(path, abort.signal, () => abort.abort());
  return await lock.then(
    async (held) => {
      await held[Symbol.asyncDispose]();
      return true;
    },
    () => false,
  );
}

test('holders take turns, and leave nothing', async () => {
  const path = newPath();
  let numHolders = 0;
  let most = 0;
  const hold = async () => {
    await using _ = await PullLock.acquire(path, signal, () => {});
    most = Math.max(most, ++numHolders);
    await setTimeout(5);
    numHolders--;
  };
  await Promise.all(Array.from({ length: 6 }, hold));
  expect(most).toBe(1);
  expect(readdirSync(dirname(path))).toEqual([]);
});

test('a lock whose process has ended is taken over by one of those that wait', async () => {
  const path = newPath();
  await leave(path, { host: hostname(), pid: ended() });
  let numHolders = 0;
  const hold = async () => {
    await using _ = await PullLock.acquire(path, signal, () => {});
    expect(++numHolders).toBe(1);
    await setTimeout(5);
    numHolders--;
  };
  await Promise.all(Array.from({ length: 4 }, hold));
  expect(readdirSync(dirname(path))).toEqual([]);
});

test('a lock of a live process, or of another machine, is respected until nobody has touched it for long', async () => {
  const path = newPath();
  for (const holder of [
    { host: hostname(), pid: process.pid },
    { host: 'elsewhere', pid: ended() },
  ]) {
    await leave(path, holder);
    expect(await isFree(path)).toBe(false);
    utimesSync(path, new Date(0), new Date(0));
    expect(await isFree(path)).toBe(true);
  }
});
