// Lines of a shell that call the package's command or Node, run with the command of this repository and the Node of the tests.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const NODE = quoted(process.execPath);
const COMMAND = `${NODE} ${quoted(resolve('src/cli/roseinfer.js'))}`;

/** Writes lines as a program of bash in which `npx roseinfer` is this repository's command, and `npx node` the Node of this process. */
export function shellProgram(lines: string): string {
  return `set -o pipefail; npx() { if [ "$1" = node ]; then shift; ${NODE} "$@"; else shift; ${COMMAND} "$@"; fi; }\n${lines}`;
}

/** Runs a line to its end, as `shellProgram` has it. */
export function runShell(line: string, directory: string, { input = '' }: { readonly input?: string | Buffer } = {}) {
  const { DEBUG: _, ...env } = process.env;
  return spawnSync('bash', ['-c', shellProgram(line)], { cwd: directory, encoding: 'utf8', env, input });
}
