import { constants, getPriority, platform } from 'node:os';
import { describe, expect, test } from 'vitest';
import { runNode } from '../support/run-node.ts';

/** Priorities that a process tells of its main thread and of one that was there before, when the main one has yielded. */
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
