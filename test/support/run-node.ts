// Programs of the package run as processes of their own, with their exit status and output.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** Outcome of a program that has ended. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of the package to its end, without the caller's DEBUG. */
export function runNode(args: readonly string[], { env = {}, input = '' } = {}): Outcome {
  const { DEBUG: _, ...inherited } = process.env;
  const options = { encoding: 'utf8', env: { ...inherited, ...env }, input } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
  return { status, stdout, stderr };
}

/** Runs commands of `roseinfer` one after another in one process, with nothing on stdin: most only refuse their words. */
export function runInTurn(commands: readonly (readonly string[])[]): readonly Outcome[] {
  const { status, stdout, stderr } = runNode(['test/support/commands-in-turn.ts', JSON.stringify(commands)]);
  if (status !== 0) throw new Error(`commands in turn ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Starts a script of the package, for tests that answer it meanwhile: the process, and its end. */
export function startNode(args: readonly string[], { env = {} } = {}) {
  const { DEBUG: _, ...inherited } = process.env;
  const child = spawn(process.execPath, args, { env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  return { child, ended: endOf(child, text(child.stdout), text(child.stderr)) };
}

async function endOf(child: ChildProcess, stdout: Promise<string>, stderr: Promise<string>) {
  await once(child, 'close');
  return { status: child.exitCode, stdout: await stdout.catch(() => ''), stderr: await stderr };
}

/** Picks the errors that the package wrote on stderr, where drivers write their warnings, too. */
export function errorsIn(stderr: string): string[] {
  return stderr.split('\n').flatMap((line) => (line.startsWith('error: ') ? [line.slice('error: '.length)] : []));
}
