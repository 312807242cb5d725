// The priority of the calling thread beside a software adapter: lowered only where it can be restored.
import { constants, getPriority, platform, setPriority } from 'node:os';
import { describe, expect, test } from 'vitest';
import { runNode } from '../support/run-node.ts';

/** Runs a process; returns the priorities of its main thread and of one started before the main one yielded. */
function prioritiesOf({ isSoftware }: { isSoftware: boolean }): unknown {
  const { stdout, stderr } = runNode([
    '--input-type=module',
    '--eval',
    `
    import { once } from 'node:events';
    import { getPriority } from 'node:os';
    import { Worker } from 'node:worker_threads';
    import { yieldToAdapter } from './src/gpu/host-priority.ts';
    const code = \`
      import { getPriority } from 'node:os';
      import { parentPort } from 'node:worker_threads';
      parentPort.once('message', () => parentPort.postMessage(getPriority()));
      parentPort.postMessage('ready');\`;
    const worker = new Worker(code, { eval: true });
    await once(worker, 'message');
    yieldToAdapter({ isSoftware: ${isSoftware} });
    worker.postMessage('tell');
    const [other] = await once(worker, 'message');
    console.log(JSON.stringify({ main: getPriority(), other }));`,
  ]);
  return JSON.parse(stdout || JSON.stringify(stderr));
}

describe('yieldToAdapter', () => {
  const unchanged = getPriority();

  test('gives the lowest priority to the calling thread, and to no other, where threads have priorities', () => {
    const main = platform() === 'linux' ? constants.priority.PRIORITY_LOW : unchanged;
    expect(prioritiesOf({ isSoftware: true })).toEqual({ main, other: unchanged });
  });

  test('does nothing when the adapter is a GPU', () => {
    expect(prioritiesOf({ isSoftware: false })).toEqual({ main: unchanged, other: unchanged });
  });
});

describe('lowPriority', () => {
  /** Priorities before, while a readback is pending, while another device opens, again pending, and after it. */
  const priorities = (prepare: string): unknown => {
    const { stdout, stderr } = runNode([
      '--input-type=module',
      '--eval',
      `
      import { getPriority } from 'node:os';
      import { lowPriority } from './src/gpu/host-priority.ts';
      ${prepare}
      const seen = [getPriority()];
      const held = lowPriority.hold();
      seen.push(getPriority());
      const paused = lowPriority.pause();
      seen.push(getPriority());
      paused[Symbol.dispose]();
      seen.push(getPriority());
      held[Symbol.dispose]();
      seen.push(getPriority());
      console.log(JSON.stringify(seen));`,
    ]);
    return JSON.parse(stdout || JSON.stringify(stderr));
  };
  const own = getPriority();

  test('is taken back where it can be, and else never taken', () => {
    const low = mayRaisePriority() ? constants.priority.PRIORITY_LOW : own;
    expect(priorities('')).toEqual([own, low, own, low, own]);
  });

  test('is never taken by a process without the privilege to take it back', () => {
    const drop = "if (process.getuid?.() === 0) process.setuid('nobody');";
    expect(priorities(drop)).toEqual([own, own, own, own, own]);
  });
});

/** Tells whether this thread may exceed its own priority; it ends at the old one. */
function mayRaisePriority(): boolean {
  if (platform() !== 'linux') return false;
  const own = getPriority();
  try {
    setPriority(own - 1);
    setPriority(own);
    return true;
  } catch {
    return false;
  }
}
