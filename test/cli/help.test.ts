// The help of every command, and its refusal of wrong values, from the tables of flags: a new command is covered as it is.
import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Command } from '../../src/cli/command.ts';
import { COMMANDS, listCommands, usageOf } from '../../src/cli/commands.ts';
import { UsageError } from '../../src/terminal/flag-words.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { errorOf } from '../support/error-of.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

const names = Object.keys(COMMANDS);
const commands = new Map<string, Command>();
for (const name of names) commands.set(name, await COMMANDS[name]!.load());

afterEach(() => {
  vi.restoreAllMocks();
});

/** Reads words as a command does; returns the help that it prints. */
function read(name: string, words: readonly string[]): string {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const command = commands.get(name)!;
  const run = command.prepare(usageOf(name, command), words);
  expect(run === null).toBe(log.mock.calls.length > 0);
  return log.mock.calls.flat().join('\n');
}

/** A word that no flag of numbers or choices takes, and that a flag of names does. */
const STRANGE = 'fish';

/** Lists wrong values of a flag: those that its kind can't take, and none or two where it takes one. */
function wrongWords({ flags }: Command, name: string): (readonly string[])[] {
  const { takes, coerce } = flags[name]!;
  const flag = `--${name}`;
  const isStrange = takes === 'word' && refuses(coerce, STRANGE);
  switch (takes) {
    case 'nothing':
      return [[`${flag}=perhaps`], [flag, flag], [`--no-${name}=true`]];
    case 'word':
      return [[`${flag}=`], [flag], [flag, 'a', flag, 'b'], ...(isStrange ? [[flag, STRANGE]] : [])];
    case 'text':
      return [[flag], [flag, 'a', flag, 'b']];
    case 'words':
    case 'texts':
      return [[flag]];
  }
}

function refuses(coerce: ((value: string) => unknown) | undefined, value: string): boolean {
  try {
    coerce?.(value);
    return false;
  } catch {
    return true;
  }
}

/** Values of which each flag that a call can't be without takes one. */
const VALUES = ['a', 'nats://a'];

/** Flags that a call can't be without, but one, with a value each. */
function demanded({ flags }: Command, but: string): string[] {
  return Object.entries(flags).flatMap(([name, { demandOption, coerce }]) => {
    const value = VALUES.find((each) => !refuses(coerce, each));
    return demandOption && name !== but ? [`--${name}=${value}`] : [];
  });
}

test('every command is in the help with its purpose', () => {
  for (const name of names) expect(listCommands()).toMatch(new RegExp(`^ {2}roseinfer ${name} +\\S`, 'm'));
});

describe.each(names)('%s', (name) => {
  const command = commands.get(name)!;

  test('has every flag in its help, with a description, and examples that it can read', () => {
    const help = read(name, ['--help']);
    vi.restoreAllMocks();
    expect(read(name, ['-h'])).toBe(help);
    const [ofFlags = '', examples = ''] = help.split('Examples:');
    const listed = [...ofFlags.matchAll(/^ {2,6}--?([\w-]+) +\S/gm)].map(([, flag]) => flag);
    expect(listed.toSorted()).toEqual([...Object.keys(command.flags), 'help'].toSorted());
    expect(command.examples.length).toBeGreaterThan(0);
    expect(examples).toContain(`roseinfer ${name}`);
    for (const word of Object.keys(command.positions)) expect(help).toContain(`[${word}]`);
  });

  test('names a word that no flag takes, and takes the call for a wrong one', async () => {
    const given = Object.values(command.positions);
    const demanded = Object.keys(command.flags).filter((flag) => command.flags[flag]?.demandOption);
    const words = [
      ...given.map(() => 'bash'),
      ...demanded.filter((flag) => !given.includes(flag)).flatMap((flag) => [`--${flag}`, 'nats://a']),
    ];
    const error = await errorOf(() => read(name, [...words, 'stray']));
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toMatch(
      /: stray word "stray"( after --.*; several words are one value in quotes|, expected flags that --help lists)$/,
    );
  });

  test.each(Object.keys(command.flags))(
    'names --%s when its value is wrong, and takes the call for a wrong one',
    async (flag) => {
      for (const words of wrongWords(command, flag)) {
        const error = await errorOf(() => read(name, [...demanded(command, flag), ...words]));
        expect({ words, isUsage: error instanceof UsageError || error instanceof RangeValueError }).toEqual({
          words,
          isUsage: true,
        });
        expect(String(error)).toMatch(new RegExp(`--(no-)?${flag} (is|has)`));
      }
    },
  );
});

test.each([
  ['batch', 'a', 'b', '--seed=fish'],
  ['doctor', '--json=perhaps'],
])('%s %s: a wrong value is one line on stderr, and 2 is the exit code', (...words) => {
  const { status, stdout, stderr } = runNode(['src/cli/roseinfer.js', ...words]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(errorsIn(stderr)).toEqual([expect.stringMatching(/^--(seed|json) is /)]);
});

test('the script for bash completes commands, and the flags of each', () => {
  const { stdout } = runNode(['src/cli/roseinfer.js', 'completion', 'bash']);
  const complete = (...words: string[]) => {
    const set = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}`;
    const script = `${stdout}\n${set}; _roseinfer; echo "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim().split(' ');
  };
  expect(complete('roseinfer', '')).toEqual([...names, '--help', '--version']);
  expect(complete('roseinfer', 'ge')).toEqual(['generate']);
  expect(complete('roseinfer', 'batch', 'a', '--o')).toEqual(['--output', '--ordered', '--overwrite']);
  expect(complete('roseinfer', 'batch', 'a')).toEqual(['']);
  for (const name of names) {
    const flags = [...Object.keys(commands.get(name)!.flags), 'help'].map((flag) => `--${flag}`);
    expect(complete('roseinfer', name, '--')).toEqual(flags);
  }
});
