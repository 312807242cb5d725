// A worker of a queue as a process.
import { onTestFinished } from 'vitest';
import { startNode } from '../run-node.ts';

/** Starts a worker, and waits until it takes jobs. */
export async function startWorker(queue: string, ...words: string[]) {
  const { child, ended } = startNode(['src/cli/roseinfer.js', 'worker', '--queue', queue, ...words]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let log = '';
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk) => {
      log += chunk;
      if (log.includes('\nworking for ') || log.startsWith('working for ')) resolve();
    });
    void ended.then(() => resolve());
  });
  return { child, ended };
}
