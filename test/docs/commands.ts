// Flags and scripts of the project's commands: flags from their `--help`, scripts from package.json.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runNode } from '../support/run-node.ts';
import { ROOT, SERVER_URL } from './documents.ts';

const { scripts, version }: { scripts: Readonly<Record<string, string>>; version: string } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
);
const known = new Map<string, ReadonlySet<string>>();

/** Flags with which a program of the repository says that it can be called, `--` included. */
export function flagsOf(program: string, ...command: readonly string[]): ReadonlySet<string> {
  const key = [program, ...command].join(' ');
  const flags = known.get(key) ?? readFlags(program, command);
  known.set(key, flags);
  return flags;
}

function readFlags(program: string, command: readonly string[]): ReadonlySet<string> {
  const { stdout } = runNode([program, ...command, '--help']);
  return new Set([...stdout.matchAll(/^ {2,6}(--[\w-]+)/gm)].map(([, name = '']) => name));
}

/** Describes the fault of a line of a shell block; null when it has none. */
export function faultOf(line: string): string | null {
  for (const part of line.split(' && ')) {
    const fault = faultOfCommand(part.match(/"[^"]*"|\S+/g) ?? []);
    if (fault !== null) return `${part}: ${fault}`;
  }
  return null;
}

function faultOfCommand([command, ...words]: readonly string[]): string | null {
  const [first = '', second = '', ...rest] = words;
  if (command === 'npm') return faultOfNpm(words);
  if (command === 'npx' && first === 'node') return faultOfProgram(second, rest);
  if (command === 'npx' && first === 'roseinfer') return faultOfFlags(flagsOf('src/cli/roseinfer.js', second), rest);
  if (command === 'npx' && first === 'vitest') {
    const missing = rest.find((word) => word.startsWith('test/') && !existsSync(join(ROOT, word)));
    return missing === undefined ? null : `${missing} does not exist`;
  }
  // Run in server-clients.test.ts.
  if (command === 'curl') return words.some((word) => word.startsWith(SERVER_URL)) ? null : `no call to ${SERVER_URL}`;
  if (command === 'python3' && first === '-m') return null;
  if (command === 'python3') return existsSync(join(ROOT, first)) ? null : `${first} does not exist`;
  // Run in scaling.test.ts.
  if (['nats-server', 'apt-get', 'nginx', 'router/bin/pip', 'router/bin/smg'].includes(command ?? '')) return null;
  return 'unknown command';
}

function faultOfNpm(words: readonly string[]): string | null {
  const [command = '', name = '', ...flags] = words;
  if (command === 'pack') return null;
  if (command === 'install') return name.endsWith(`roseinfer-${version}.tgz`) ? null : `the version is ${version}`;
  const script = command === 'test' ? 'test' : name;
  const program = scripts[script]?.match(/^node (\S+)$/)?.[1];
  if (scripts[script] === undefined) return `package.json has no script ${script}`;
  return program === undefined || flags.length === 0 ? null : faultOfProgram(program, flags);
}

function faultOfProgram(program: string, words: readonly string[]): string | null {
  if (!existsSync(join(ROOT, program))) return `${program} does not exist`;
  return faultOfFlags(flagsOf(program), words);
}

function faultOfFlags(flags: ReadonlySet<string>, words: readonly string[]): string | null {
  const unknown = words.find((word) => /^--./.test(word) && !flags.has(word));
  return unknown === undefined ? null : `${unknown} is no flag`;
}
