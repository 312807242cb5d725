// The meter that the soak judges the event loop by.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import type { LoopReport } from './loop-report.ts';

const BLOCK = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)';

/** Runs a program with the meter, and asks it after a while. */
async function reportOf(program: string): Promise<LoopReport> {
  const tell = "setTimeout(() => process.send('ask'), 500)";
  const argv = ['--expose-gc', '--import', './test/soak/loop-meter.ts', '--eval', `${tell}; ${program}`];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await once(child, 'message');
  child.send('report');
  const [report]: LoopReport[] = await once(child, 'message');
  child.kill();
  return report!;
}

test('a thread that blocks has held its loop, and all of that was late', async () => {
  const { lateMs, heldMs, liveBytes, residentBytes } = await reportOf(
    `setInterval(() => {}, 5); setTimeout(() => ${BLOCK}, 20)`,
  );
  // A timer of 10 ms was due in the first 10 of the 300.
  expect(heldMs.at(-1)).toBeGreaterThan(280);
  expect(lateMs.at(-1)).toBeGreaterThanOrEqual(heldMs.at(-1)!);
  expect(residentBytes).toBeGreaterThan(liveBytes);
  expect(liveBytes).toBeGreaterThan(0);
});

test('a thread that waits for nothing but a processor has not held it', async () => {
  const { lateMs, heldMs } = await reportOf('setInterval(() => {}, 5)');
  expect(lateMs).toHaveLength(3);
  expect(heldMs[0]).toBeLessThan(10);
});
