// The words of a command line: texts may begin with a dash, and everything else that is not understood is refused.
import { describe, expect, test } from 'vitest';
import { flagsAmong, joinFlagValues } from '../../src/terminal/flag-words.ts';
import { integerFlag, nameFlag, switchFlag, textFlag, textListFlag } from '../../src/terminal/flags.ts';
import { createParser } from '../../src/terminal/parser.ts';

const flags = {
  prompt: textFlag('prompt'),
  prompts: textListFlag('prompts'),
  json: nameFlag('json'),
  seed: integerFlag('seed', 0),
  verbose: switchFlag('verbose'),
};

/** Values that a command gets from its words. */
function parse(...argv: string[]) {
  const { _, $0, ...args } = createParser(joinFlagValues(argv, flags)).version(false).options(flags).parseSync();
  expect(_).toEqual([]);
  return args;
}

describe('a text', () => {
  test.each([
    '- a list',
    '-x',
    '-5',
    '--',
    '---',
    '--seed',
    '--seed=3',
    '--no-verbose',
    '--unknown',
    '-- dashes',
    '',
    ' ',
    '007',
    '1e3',
    '0x10',
    'true',
    'null',
    '"quoted"',
    "'quoted'",
    '"',
    'a=b',
    'two\nlines',
    '__proto__',
  ])('may be %j, as a word of its own and after =', (text) => {
    expect(parse('--prompt', text, '--seed', '1')).toEqual({ prompt: text, seed: 1 });
    expect(parse(`--prompt=${text}`, '--seed', '1')).toEqual({ prompt: text, seed: 1 });
    expect(parse('--seed', '1', '--prompts', text, 'b')).toEqual({ prompts: [text, 'b'], seed: 1 });
    expect(parse(`--prompts=${text}`)).toEqual({ prompts: [text] });
  });

  test('among several ends at what looks like a flag', () => {
    const args = parse('--prompts', '- a', '-b', '', '-- c', '--d e', '--seed', '3', '--prompts=--seed', 'f');
    expect(args).toEqual({ prompts: ['- a', '-b', '', '-- c', '--d e', '--seed', 'f'], seed: 3 });
  });
});

describe('a switch', () => {
  test.each<[readonly string[], boolean]>([
    [['--verbose'], true],
    [['--verbose', 'true'], true],
    [['--verbose=true'], true],
    [['--verbose', '--seed', '1'], true],
    [['--no-verbose'], false],
    [['--verbose', 'false'], false],
    [['--verbose=false'], false],
  ])('of %j', (argv, verbose) => {
    expect(parse(...argv)).toMatchObject({ verbose });
  });
});

test.each<[readonly string[], string]>([
  [['--promt', 'x'], 'unknown flag "--promt", expected one that --help lists (did you mean --prompt?)'],
  [['--sede=3'], expect.stringContaining('did you mean --seed?')],
  [['--no-verbos'], expect.stringContaining('did you mean --verbose?')],
  [['--no-seed'], expect.stringContaining('unknown flag "--no-seed"')],
  [['--prompt.a', 'x'], expect.stringContaining('unknown flag "--prompt.a"')],
  [['--prompts', 'a', '--promts', 'b'], expect.stringContaining('unknown flag "--promts"')],
  [['-p', 'x'], 'unknown flag "-p", expected one that --help lists'],
  [['--', 'x'], 'unknown flag "--", expected one that --help lists'],
  [['--__proto__=1'], expect.stringContaining('unknown flag')],
  [['--constructor'], expect.stringContaining('unknown flag')],
  [['--json', '--seed', '1'], '--json has no value, expected one'],
  [['--seed'], '--seed has no value, expected one'],
  [['--prompt'], '--prompt has no value, expected one'],
  [['--prompts'], '--prompts has no value, expected one'],
  [['--no-verbose=true'], '--no-verbose is "true", expected no value'],
  [['--verbose=yes'], '--verbose is "yes", expected no value, or true or false'],
  [['--verbose', '--no-verbose'], '--verbose is ["true", "false"], expected no value, or true or false'],
  [['--prompt', 'a', '--prompt', 'b'], '--prompt is ["a", "b"], expected one text'],
  [['--seed', '0x10'], '--seed is "0x10", expected an integer from 0 to 2147483647'],
  [['--seed', ' 5'], expect.stringContaining('--seed is " 5"')],
  [['--seed', '1_000'], expect.stringContaining('--seed is "1_000"')],
  [['--seed', 'NaN'], expect.stringContaining('--seed is ')],
  [['--seed='], expect.stringContaining('--seed is ""')],
  [['--seed', '-1'], expect.stringContaining('--seed is -1')],
  [['--json='], '--json is "", expected one text that is not empty'],
  [['--prompt', 'a', 'b'], 'stray word "b", expected flags that --help lists'],
  [['-5'], 'unknown flag "-5", expected one that --help lists'],
  [['stray'], 'stray word "stray", expected flags that --help lists'],
])('%j is refused', (argv, message) => {
  expect(() => parse(...argv)).toThrow(expect.objectContaining({ message }));
});

test('the flags that were given are those of the command line, not their values', () => {
  const words = joinFlagValues(['--prompt', '--seed', '--no-verbose', '--prompts', ''], flags);
  expect([...flagsAmong(words)]).toEqual(['prompt', 'verbose', 'prompts']);
});
