// The commands as processes: help, refusals and the text of the bundled model on stdout.
// @module-tag sweep
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { errorsIn, runInTurn, runNode } from '../support/run-node.ts';

interface Golden {
  readonly greedy: readonly { readonly prompt: string; readonly completion_ids: readonly number[] }[];
}

/** The list of commands in a refusal. */
const listed = Object.keys(COMMANDS)
  .join(', ')
  .replace(/, (\w+)$/, ' or $1');
let tokenizer: Tokenizer;

beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
});

const roseinfer = (argv: readonly string[], input = '') => runNode(['src/cli/roseinfer.js', ...argv], { input });

describe('roseinfer', () => {
  test('prints its version', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(roseinfer(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('takes the words that people ask for help and version with', () => {
    const help = roseinfer(['completion', '--help']);
    expect(roseinfer(['help', 'completion'])).toEqual(help);
    expect(roseinfer(['-v'])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    const refused = roseinfer(['--version', 'now']);
    expect({ ...refused, stderr: errorsIn(refused.stderr) }).toEqual({
      status: 2,
      stdout: '',
      stderr: ['stray word "now", expected none'],
    });
  });

  test('prints its help when nothing is asked of it', () => {
    expect(roseinfer([])).toEqual({ ...roseinfer(['--help']), status: 0, stderr: '' });
  });

  test('lists its commands and their flags', () => {
    expect(roseinfer(['--help']).stdout).toMatch(/roseinfer generate +continue a text/);
    const { status, stdout } = roseinfer(['generate', '--help']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/--prompt [^[]*\[default: stdin\]/);
    expect(stdout).toMatch(/--verbose [^[]*\[default: false\]/);
    expect(stdout).not.toContain('--version');
  });

  const refusals: readonly (readonly [argv: string[], message: unknown, code?: number])[] = [
    [['dance'], `command is "dance", expected ${listed}`],
    [['docter'], `command is "docter", expected ${listed} (did you mean doctor?)`],
    [['--prompt', 'a'], `command is missing, expected ${listed} before flags`],
    [['generate', '--prompt', 'a', '--json', 'x'], '--prompt is ["a", "x"], expected one text'],
    [['generate'], '--prompt is missing and stdin is empty, expected a prompt; "" is one'],
    [['generate', '--prompt', 'a', '--system', 'b'], '--system is without --chat, expected both'],
    [['generate', '--prompt', 'a', '--system', '', '--no-chat'], '--system is without --chat, expected both'],
    [
      ['generate', '--prompt', 'a', '--chat'],
      expect.stringMatching(/^weights\/tales has no chat template, expected/),
      1,
    ],
    [['generate', '--version'], expect.stringMatching(/^unknown flag "--version"/)],
    [['generate', '--prompt', 'a', '--stop', 'b', ''], '--stop is "", expected a text that is not empty'],
    [['generate', '--prompt', 'a', '--top-q', '1'], expect.stringContaining('(did you mean --top-k?)')],
    [['generate', '--prompt', 'a', '--max-new-tokens', '0'], expect.stringMatching(/^--max-new-tokens is 0, expected/)],
    [['generate', '--prompt', 'a', '--max-new-tokens', '5000'], expect.stringMatching(/^--max-new-tokens is 5000, /)],
    [['generate', '--prompt', 'a', '--presence-penalty', '3'], '--presence-penalty is 3, expected a number in [-2, 2]'],
    [
      ['generate', '--prompt', 'a', '--repetition-penalty', '0'],
      '--repetition-penalty is 0, expected a finite number > 0',
    ],
    [['generate', '--prompt', 'a', '--seed', '-1'], '--seed is -1, expected an integer in [0, 2^53)'],
    [
      ['generate', '--prompt', 'a', '--model', 'weights/tales', '--trace', 'weights/../weights/tales/config.json'],
      '--trace is "weights/../weights/tales/config.json", expected another file than --model names',
    ],
    [
      ['generate', '--prompt', 'a', '--model', 'nowhere'],
      expect.stringMatching(/^nowhere: model directory is missing/),
      1,
    ],
  ];

  test('refuses what it does not take with one line, and 2 unless something is missing', () => {
    const outcomes = runInTurn(refusals.map(([argv]) => argv));
    expect(
      outcomes.map(({ stderr, ...rest }, i) => ({ argv: refusals[i]![0], ...rest, errors: errorsIn(stderr) })),
    ).toEqual(refusals.map(([argv, message, status = 2]) => ({ argv, status, stdout: '', errors: [message] })));
    // As in a process of its own.
    const [argv] = refusals[0]!;
    expect(roseinfer(argv)).toEqual(outcomes[0]);
  });
});

describe('roseinfer generate', () => {
  test('continues a prompt on stdout, the same from an argument and from stdin', () => {
    const golden: Golden = JSON.parse(readFileSync('test/fixtures/tales/golden.json', 'utf8'));
    const [{ prompt, completion_ids } = { prompt: '', completion_ids: [] }] = golden.greedy;
    const text = `${tokenizer.decode(completion_ids.slice(0, 16), { skipSpecialTokens: true })}\n`;
    const flags = ['generate', '--temperature', '0', '--max-new-tokens', '16'];
    const fromArgument = roseinfer([...flags, '--prompt', prompt, '--verbose']);
    expect(fromArgument).toMatchObject({ status: 0, stdout: text });
    expect(fromArgument.stderr).toMatch(/^generated: 16 tokens after 9 in .* · seed \d+ · ended by length$/m);
    const fromStdin = roseinfer([...flags, '--prompt', '-'], `${prompt}\n`);
    expect(fromStdin).toMatchObject({ status: 0, stdout: text });
    expect(fromStdin.stderr).not.toContain('model:');
  });

  test('ends before a stop text, and takes penalties', () => {
    const flags = ['generate', '--prompt', 'The king had', '--temperature', '0', '--max-new-tokens', '24'];
    const plain = roseinfer(flags).stdout;
    const stop = plain.slice(20, 24);
    const [stopped, penalized] = runInTurn([
      [...flags, '--stop', stop, 'no such text', '--verbose'],
      [...flags, '--frequency-penalty', '2', '--repetition-penalty', '1.5'],
    ]);
    expect(stopped?.stdout).toBe(`${plain.slice(0, plain.indexOf(stop))}\n`);
    expect(stopped?.stderr).toContain(`ended by stop ${JSON.stringify(stop)}`);
    expect(penalized).toMatchObject({ status: 0 });
    expect(penalized?.stdout).not.toBe(plain);
  });

  test('says which flags have no effect, and takes a prompt that begins with a dash', () => {
    const flags = ['generate', '--prompt', '- a list', '--max-new-tokens', '2', '--temperature', '0'];
    const [outcome, plain] = runInTurn([[...flags, '--top-k', '5', '--no-ignore-eos'], flags]);
    expect(outcome?.status).toBe(0);
    expect(outcome?.stderr).toContain('--top-k has no effect at --temperature 0\n');
    expect(outcome?.stderr).not.toContain('--top-p');
    expect(outcome?.stdout).toBe(plain?.stdout);
  });

  test('draws the same text with the same seed', () => {
    const flags = ['generate', '--prompt', 'Once', '--max-new-tokens', '8', '--seed'];
    const first = roseinfer([...flags, '1']);
    const [again, other] = runInTurn([
      [...flags, '1'],
      [...flags, '2'],
    ]);
    expect([first.status, again?.stdout]).toEqual([0, first.stdout]);
    expect(other).toMatchObject({ status: 0 });
    expect(other?.stdout).not.toBe(first.stdout);
  });
});
