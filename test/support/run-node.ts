// Programs of the package run as processes of their own, with their exit status and output.
import { spawnSync } from 'node:child_process';

/** Runs a script of the package to its end, without the caller's DEBUG. */
export function runNode(args: readonly string[], { env = {}, input = '' } = {}) {
  const { DEBUG: _, ...inherited } = process.env;
  const options = { encoding: 'utf8', env: { ...inherited, ...env }, input } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
  return { status, stdout, stderr };
}

/** Picks the errors that the package wrote on stderr, where drivers write their warnings, too. */
export function errorsIn(stderr: string): string[] {
  return stderr.split('\n').flatMap((line) => (line.startsWith('error: ') ? [line.slice('error: '.length)] : []));
}
