// Command lines of scripts: help from the declaration alone, and the order of its rules.
import { afterEach, describe, expect, test, vi } from 'vitest';

import { contextScript } from '../../bench/experiments/context-args.ts';
import { kernelScript } from '../../bench/kernels/args.ts';
import { benchScript } from '../../bench/load/args.ts';
import { peersScript } from '../../bench/peers/args.ts';
import { simulateScript } from '../../bench/simulation/args.ts';
import { type CommandLine, type Flags, readCommandLine } from '../../src/terminal/command-line.ts';
import { UsageError } from '../../src/terminal/flag-words.ts';
import { integerFlag, switchFlag } from '../../src/terminal/flags.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Call, flags and help of a script. */
const describeScript = <F extends Flags>(script: CommandLine<F>) => ({
  call: script.usage.split(' [', 1)[0]?.split(' --', 1)[0],
  flags: Object.keys(script.flags),
  askForHelp: () => readCommandLine(script, ['--help']),
});

test.each([
  describeScript(benchScript),
  describeScript(contextScript),
  describeScript(kernelScript),
  describeScript(peersScript),
  describeScript(simulateScript),
])('$call prints every flag when asked for help', ({ call, flags, askForHelp }) => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  expect(askForHelp()).toBeNull();
  const help = String(log.mock.calls);
  expect(help).toContain(call);
  for (const flag of flags) expect(help).toContain(`--${flag} `);
});

describe('readCommandLine', () => {
  const script = {
    usage: 'node count.ts [flags]',
    flags: { count: { ...integerFlag('count', 0), default: 3 }, quiet: switchFlag('quiet') },
    check: ({ count = 0 }) => {
      if (count > 9) throw new UsageError('--count is large');
    },
    idle: [{ flags: ['quiet'] as const, isIdle: ({ count = 0 }) => count === 0, why: 'at --count 0' }],
  };

  test('has the values of flags, and defaults of the others', () => {
    expect(readCommandLine(script, ['--quiet'])).toEqual({ count: 3, quiet: true });
  });

  test('says which flags have no effect', () => {
    const error = vi.spyOn(console, 'error').mockImplementation(() => {});
    expect(readCommandLine(script, ['--quiet', '--count', '0'])).toEqual({ count: 0, quiet: true });
    expect(error.mock.calls).toEqual([['--quiet has no effect at --count 0']]);
  });

  test('checks flags against each other, but not beside --help', () => {
    expect(() => readCommandLine(script, ['--count', '10'])).toThrow('--count is large');
    vi.spyOn(console, 'log').mockImplementation(() => {});
    expect(readCommandLine(script, ['--count', '10', '--help'])).toBeNull();
  });
});
