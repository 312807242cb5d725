// Two thousand calls of `roseinfer batch`, killed five times at random moments, and the memory of a long run.
// @module-tag slow
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readResults, startBatch, stopAfter, writeCalls } from '../support/batch-kills.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const NUM_CALLS = 2000;

/** Resident bytes of a process; null when it is gone. */
function residentBytes(pid: number | undefined): number | null {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kib === undefined ? null : 1024 * Number(kib);
  } catch {
    return null;
  }
}

test('2,000 calls killed five times have 2,000 results, those of a run that was never killed, and memory is flat', async () => {
  const directory = temporaryDirectory();
  const [input, output] = [join(directory, 'in.jsonl'), join(directory, 'out.jsonl')];
  // Short ones: what is kept of a call, and where a kill meets it, is the same.
  writeCalls(input, NUM_CALLS, 4, 'Of');
  for (let kill = 1; kill <= 5; kill++) {
    const numLines = 330 * kill - Math.floor(300 * Math.random());
    await stopAfter(output, numLines, startBatch(input, output, '--seed', '3'), { delayMs: 300 * Math.random() });
  }
  const last = await startBatch(input, output, '--seed', '3').ended;
  expect(last.status).toBe(0);
  const whole = join(directory, 'whole.jsonl');
  const run = startBatch(input, whole, '--seed', '3');
  const samples: number[] = [];
  const timer = setInterval(() => {
    const bytes = residentBytes(run.child.pid);
    if (bytes !== null) samples.push(bytes);
  }, 200);
  expect((await run.ended).status).toBe(0);
  clearInterval(timer);
  expect(readResults(output)).toHaveLength(NUM_CALLS);
  expect(readResults(output)).toEqual(readResults(whole));
  // From a third of the run on, when all is loaded and compiled: the last third against the middle one.
  const third = Math.floor(samples.length / 3);
  const [middle, end] = [samples.slice(third, 2 * third), samples.slice(2 * third)].map((part) => Math.max(...part));
  console.log(`resident MiB: ${samples.map((bytes) => Math.round(bytes / 2 ** 20)).join(' ')}`);
  expect(end! - middle!).toBeLessThan(48 * 2 ** 20);
});
