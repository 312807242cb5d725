// Lines of a shell that call the package's command or Node, run with the command of this repository and the Node of the tests.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const NODE = quoted(process.execPath);
const COMMAND = `${NODE} ${quoted(resolve('src/cli/roseinfer.js'))}`;

/** Runs a line in which `npx roseinfer` is this repository's command, and `npx node` the Node of this process. */
export function runShell(line: string, directory: string, { input = '' }: { readonly input?: string | Buffer } = {}) {
  const { DEBUG: _, ...env } = process.env;
  const script = `set -o pipefail; npx() { if [ "$1" = node ]; then shift; ${NODE} "$@"; else shift; ${COMMAND} "$@"; fi; }\n${line}`;
  return spawnSync('bash', ['-c', script], { cwd: directory, encoding: 'utf8', env, input });
}
