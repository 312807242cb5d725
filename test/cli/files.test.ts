// Files that flags name, over all commands: one that can't be read or written is named with its flag, and is a failure (exit code 1), not a
// wrong call (2).
// @module-tag sweep
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { COMMANDS, usageOf } from '../../src/cli/commands.ts';
import { UsageError } from '../../src/terminal/flag-words.ts';
import { RangeValueError, RoseinferError } from '../../src/util/errors.ts';
import { errorOf } from '../support/error-of.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Runs a command in this process; returns its error. */
async function failureOf(name: string, words: readonly string[]): Promise<unknown> {
  const command = await COMMANDS[name]!.load();
  const run = command.prepare(usageOf(name, command), words);
  return await errorOf(() => run?.(new AbortController().signal, COMMANDS));
}

/** A file of each kind that is not as it should be. */
function wrongFiles() {
  const directory = temporaryDirectory();
  const latin = join(directory, 'latin.txt');
  writeFileSync(latin, Buffer.from('caf\xe9', 'latin1'));
  return { missing: join(directory, 'missing', 'file'), directory, latin };
}

const QUEUE = ['--queue', 'nats://127.0.0.1:1'];

/** Calls that can do nothing without a file, by the flag that names it; what is wrong with bytes that are no UTF-8. */
const INPUTS: readonly (readonly [name: string, flag: string, words: readonly string[], ofLatin: RegExp | null])[] = [
  ['generate', '--file', [], /, which is no UTF-8, expected a text in UTF-8$/],
  ['generate', '--schema', ['a'], /, which is no UTF-8, expected a text in UTF-8$/],
  ['generate', '--chat-template', ['a', '--chat'], /: file is not UTF-8, expected a template$/],
  ['chat', '--chat-template', [], /: file is not UTF-8, expected a template$/],
  ['batch', '--input', ['--output', '-'], null],
  ['batch', '--creds', ['-', '-', ...QUEUE], /, which has none, expected a file with credentials of NATS$/],
  ['batch', '--queue-ca', ['-', '-', ...QUEUE], /, which has none, expected a file with a certificate in PEM$/],
  ['batch', '--chat-template', ['-', '-'], /: file is not UTF-8, expected a template$/],
  ['worker', '--creds', QUEUE, /, which has none, expected a file with credentials of NATS$/],
  ['worker', '--queue-ca', QUEUE, /, which has none, expected a file with a certificate in PEM$/],
  ['score', '--file', [], /, which is no UTF-8, expected a text in UTF-8$/],
  ['serve', '--api-key-file', [], /, which is no UTF-8, expected a text in UTF-8$/],
  ['serve', '--chat-template', ['--port', '0'], /: file is not UTF-8, expected a template$/],
];

/** Calls that write to a file. */
const OUTPUTS: readonly (readonly [name: string, flag: string, words: readonly string[]])[] = [
  ['generate', '--trace', ['a']],
  ['batch', '--output', ['--input', '-']],
  ...['--json', '--report', '--trace', '--record'].map(
    (flag) => ['bench', flag, ['--mode', 'online', '--request-rate', '1']] as const,
  ),
];

/** A worker reads it after it has reached its queue, by the code of a batch. */
const AFTER_THE_QUEUE = 'worker --chat-template';

test.each(Object.keys(COMMANDS))('every flag of %s that names a file is among these calls', async (name) => {
  const { flags } = await COMMANDS[name]!.load();
  const ofFiles = Object.entries(flags).filter(([, { describe }]) => /^(HTML )?file\b/.test(describe ?? ''));
  const called = [...INPUTS, ...OUTPUTS].map(([each, flag]) => `${each} ${flag}`);
  const all = ofFiles.map(([flag]) => `${name} --${flag}`);
  expect([...called, AFTER_THE_QUEUE]).toEqual(expect.arrayContaining(all));
});

describe.each(INPUTS)('%s %s', (name, flag, words, ofLatin) => {
  test.each([
    ['missing', / \(ENOENT\), expected |: file is missing, expected /],
    ['directory', / \(EISDIR\), expected |: file is a directory, expected /],
    ['latin', ofLatin],
  ] as const)('fails with the flag and the path of a wrong file: %s', async (kind, fault) => {
    if (fault === null) return;
    const path = wrongFiles()[kind];
    const error = await failureOf(name, [...words, flag, path]);
    expectFailure(error, `${flag} is ${JSON.stringify(path)}`);
    expect(String(error)).toMatch(fault);
  });
});

describe.each(OUTPUTS)('%s %s', (name, flag, words) => {
  test.each([
    ['missing', 'ENOENT'],
    ['directory', 'EISDIR'],
  ] as const)('fails with the flag and the path of a file that can not be written: %s', async (kind, code) => {
    const path = wrongFiles()[kind];
    const error = await failureOf(name, [...words, flag, path]);
    expectFailure(error, `${flag} is ${JSON.stringify(path)} (${code}), expected a file that can be written`);
  });
});

test.each([
  ['keys.txt', '# none\n', ', which has no key, expected a file of keys, one a line'],
  ['keys.txt', `good\n${'long'.repeat(200)}\n`, ': key 2 is "800 characters", expected 1 to 512 visible ASCII'],
])('serve --api-key-file fails with the flag and the path of keys that are none', async (file, text, fault) => {
  const path = join(temporaryDirectory(), file);
  writeFileSync(path, text);
  const error = await failureOf('serve', ['--api-key-file', path]);
  expectFailure(error, `--api-key-file is ${JSON.stringify(path)}${fault}`);
});

test('serve names the variable of a key that is none, and does not show the key', async () => {
  vi.stubEnv('ROSEINFER_API_KEY', 'a secret');
  onTestFinished(() => void vi.unstubAllEnvs());
  const error = await failureOf('serve', []);
  expect(String(error)).toBe(
    'RangeValueError: ROSEINFER_API_KEY is "8 characters", expected 1 to 512 visible ASCII characters without spaces',
  );
});

test.each(['chat', 'generate', 'serve'])(
  '%s --chat-template fails with a template that no chat could be written by',
  async (name) => {
    const path = join(temporaryDirectory(), 'broken.jinja');
    writeFileSync(path, '{% for');
    const words = { chat: [], generate: ['a', '--chat'], serve: ['--port', '0'] }[name] ?? [];
    const error = await failureOf(name, [...words, '--chat-template', path]);
    expectFailure(error, `--chat-template is ${JSON.stringify(path)}: chat template is faulty (`);
  },
);

test('an output that is an input of the same call is refused, whichever flag names it', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'file.json');
  writeFileSync(path, '{}');
  mkdirSync(join(directory, 'sub'));
  const other = join(directory, 'sub', '..', 'file.json');
  const calls = [
    ['generate', '--file', '--trace'],
    ['generate', '--schema', '--trace', '--prompt', 'a'],
    ['generate', '--chat-template', '--trace', '--prompt', 'a', '--chat'],
    ['batch', '--input', '--output'],
    ['batch', '--creds', '--output', '--input', '-', ...QUEUE],
    ['batch', '--queue-ca', '--output', '--input', '-', ...QUEUE],
    ['batch', '--chat-template', '--output', '--input', '-'],
  ] as const;
  for (const [name, input, output, ...words] of calls) {
    const error = await failureOf(name, [input, path, output, other, ...words]);
    expect({ input, error }).toEqual({ input, error: expect.any(UsageError) });
    expect(String(error)).toContain(`${output} is ${JSON.stringify(other)}, expected another file than ${input} names`);
  }
});

function expectFailure(error: unknown, message: string): void {
  expect(error).toBeInstanceOf(RoseinferError);
  expect(error).not.toBeInstanceOf(UsageError);
  expect(error).not.toBeInstanceOf(RangeValueError);
  expect(error instanceof Error && error.message.startsWith(message), String(error)).toBe(true);
}
