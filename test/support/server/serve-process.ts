// Servers as processes of their own, as users start them.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** A server as a process. */
type Child = ChildProcessByStdio<null, Readable, Readable>;

/** Starts `roseinfer serve` of a model at a free port; returns its address once it listens. */
export async function startProcess(
  args: readonly string[],
  env = {},
  model = 'weights/tales',
): Promise<{ child: Child; url: string }> {
  const argv = ['src/cli/roseinfer.js', 'serve', model, '--port', '0', ...args];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  child.stderr.resume();
  for await (const line of createInterface(child.stdout)) {
    const { url } = JSON.parse(line);
    child.stdout.resume();
    if (url !== undefined) return { child, url };
  }
  throw new Error('the server has not started');
}
