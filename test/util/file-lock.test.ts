// A lock that is a file: one holder at a time, and none that is gone.
import { spawnSync } from 'node:child_process';
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FileLock } from '../../src/util/file-lock.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const { signal } = new AbortController();
const newPath = () => join(temporaryDirectory(), 'locks/a.lock');
const ended = () => spawnSync(process.execPath, ['-e', '']).pid;

/** Leaves a lock as a process does that was killed. */
async function leave(path: string, holder: { host: string; pid: number }, ageMs = 0): Promise<void> {
  await (await FileLock.acquire(path, signal, () => {}))[Symbol.asyncDispose]();
  writeFileSync(path, JSON.stringify({ ...holder, id: 'x' }));
  const time = new Date(Date.now() - ageMs);
  utimesSync(path, time, time);
}

/** Tells whether the lock can be had. */
async function isFree(path: string): Promise<boolean> {
  const abort = new AbortController();
  const lock = FileLock.acquire(path, abort.signal, () => abort.abort());
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
    await using _ = await FileLock.acquire(path, signal, () => {});
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
    await using _ = await FileLock.acquire(path, signal, () => {});
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

test('whoever does not wait is told that another holds the lock, and takes over that of a process that has ended', async () => {
  const path = newPath();
  await leave(path, { host: hostname(), pid: ended() });
  const lock = await FileLock.tryAcquire(path);
  expect(lock).not.toBeNull();
  expect(await FileLock.tryAcquire(path)).toBeNull();
  await lock?.[Symbol.asyncDispose]();
  expect(readdirSync(dirname(path))).toEqual([]);
});
