// Lines of a shell that call the package's command, run with the command of this repository.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const COMMAND = `${quoted(process.execPath)} ${quoted(resolve('src/cli/roseinfer.js'))}`;

/** Runs a line in which `npx roseinfer` is this repository's command. */
export function runShell(line: string, directory: string, { input = '' }: { readonly input?: string | Buffer } = {}) {
  const { DEBUG: _, ...env } = process.env;
  const script = `set -o pipefail; npx() { shift; ${COMMAND} "$@"; }\n${line}`;
  return spawnSync('bash', ['-c', script], { cwd: directory, encoding: 'utf8', env, input });
}
