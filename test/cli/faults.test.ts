// Commands where files, disks and models are not as they should be: one line, the right exit code, and nothing lost. What is not here
// stands in files.test.ts, or in the test of the command: other outputs in batch.test.ts, directories in tune.test.ts, caches in
// pull.test.ts and models.test.ts, ports in serve.test.ts.
// @module-tag sweep
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readResults, startBatch, writeCalls } from '../support/batch-kills.ts';
import { errorsIn, runNode } from '../support/run-node.ts';
import { canMountDisk, mountDisk } from '../support/small-disk.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Runs a command to its end: its exit code, stdout and errors. */
function roseinfer(args: readonly string[], input = '') {
  const { status, stdout, stderr } = runNode(['src/cli/roseinfer.js', ...args], { input });
  return { status, stdout, errors: errorsIn(stderr) };
}

/** Makes a model of the bundled one's weights, without a tokenizer. */
function modelOfIds(): string {
  const directory = temporaryDirectory();
  for (const file of ['config.json', 'model.safetensors']) cpSync(join('weights/tales', file), join(directory, file));
  return directory;
}

const call = '{"prompt":"Once","max_tokens":1}\n';

describe('a model without a tokenizer', () => {
  test.each<[args: readonly string[], message: RegExp, status?: number]>([
    [['generate', 'Once'], /tokenizer\.json: tokenizer is missing, expected one, as text is asked for$/],
    [['chat'], /tokenizer/],
    [['score', 'README.md'], /tokenizer\.json: tokenizer is missing, expected one, as text is asked for$/],
    [
      ['bench', '--num-requests', '1'],
      /^prompt is "The .*", expected ids in place of text, as there is no tokenizer/,
      2,
    ],
  ])('is refused by %j', (args, message, status = 1) => {
    const outcome = roseinfer([...args, '--model', modelOfIds()], 'hello\n');
    expect(outcome).toEqual({ status, stdout: '', errors: [expect.stringMatching(message)] });
  });

  test('answers the calls of a batch that have ids, and the others with an error', () => {
    const output = join(temporaryDirectory(), 'out.jsonl');
    const input = join(temporaryDirectory(), 'in.jsonl');
    writeFileSync(input, `{"prompt":[1,2],"max_tokens":1}\n${call}`);
    const { status, errors } = roseinfer(['batch', input, output, '--model', modelOfIds()]);
    expect({ status, errors }).toEqual({ status: 1, errors: [expect.stringMatching(/^1 line has an error/)] });
    expect(readResults(output).map(({ status_code }) => status_code)).toEqual([200, 400]);
  });
});

test.each<[args: readonly string[], message: string | RegExp]>([
  [['generate', 'a', '--trace', 'src'], '--trace is "src" (EISDIR), expected a file that can be written'],
  [
    ['generate', 'a', '--trace', 'nowhere/t.json'],
    '--trace is "nowhere/t.json" (ENOENT), expected a file that can be written',
  ],
  [['generate', 'a', '--model', 'package.json'], /^package\.json: /],
  [['bench', '--json', 'src'], '--json is "src" (EISDIR), expected a file that can be written'],
  [['doctor', '--model', 'nowhere'], /^nowhere: model directory is missing, expected/],
  [['serve', 'nowhere', '--port', '0'], /^nowhere: model directory is missing, expected/],
  [['batch', 'LICENSE', '/dev/full'], '--output is "/dev/full", which is no file, expected one, or - for stdout'],
  [['score', 'README.md', '--model', 'nowhere'], /^nowhere: model directory is missing, expected/],
])('%j fails with one line', (args, message) => {
  const { status, errors } = roseinfer(args);
  expect({ status, errors }).toEqual({
    status: 1,
    errors: [typeof message === 'string' ? message : expect.stringMatching(message)],
  });
});

test('a stdout that is full is an error, and one that is closed none', () => {
  const full = (line: string) => {
    const script = `"$0" src/cli/roseinfer.js ${line}; echo "status $?" >&2`;
    const { DEBUG: _, ...env } = process.env;
    return execFileSync('bash', ['-c', `{ ${script}; } 2>&1 >/dev/null`, process.execPath], { encoding: 'utf8', env });
  };
  const failed = full('completion bash > /dev/full');
  expect([errorsIn(failed), failed.includes('status 1\n')]).toEqual([["stdout can't be written (ENOSPC)"], true]);
  const closed = full('completion bash | true');
  expect(errorsIn(closed)).toEqual([]);
});

describe.runIf(canMountDisk)('a disk', () => {
  test('that fills up ends a batch, which goes on when there is room and has lost nothing', async () => {
    const directory = temporaryDirectory();
    const input = join(directory, 'in.jsonl');
    writeCalls(input, 60, 6);
    const disk = mountDisk('size=16k');
    const output = join(disk, 'out.jsonl');
    const run = () => startBatch(input, output, '--seed', '3').ended;
    const message = `--output is ${JSON.stringify(output)} (ENOSPC), expected room on its disk; with more of it the same command goes on`;
    const full = await run();
    expect([full.status, errorsIn(full.stderr)]).toEqual([1, [message]]);
    expect(existsSync(`${output}.lock`)).toBe(false);
    const numBefore = readFileSync(output, 'utf8').split('\n').length - 1;
    expect(numBefore).toBeGreaterThan(0);
    expect(numBefore).toBeLessThan(60);
    execFileSync('mount', ['-o', 'remount,size=1m', disk]);
    const end = await run();
    expect([end.status, errorsIn(end.stderr)]).toEqual([0, []]);
    expect(end.stderr).toContain(`resuming after ${numBefore} results\n`);
    const whole = join(directory, 'whole.jsonl');
    expect((await startBatch(input, whole, '--seed', '3').ended).status).toBe(0);
    expect(readResults(output)).toHaveLength(60);
    expect(readResults(output)).toEqual(readResults(whole));
  });

  test('that is read-only is told before a model is loaded', () => {
    const disk = mountDisk('size=16k,ro');
    const output = join(disk, 'out');
    const input = join(temporaryDirectory(), 'in.jsonl');
    writeFileSync(input, call);
    const message = (flag: string) =>
      `${flag} is ${JSON.stringify(output)} (EROFS), expected a file that can be written`;
    expect(roseinfer(['batch', input, output])).toEqual({ status: 1, stdout: '', errors: [message('--output')] });
    expect(roseinfer(['bench', '--json', output])).toEqual({ status: 1, stdout: '', errors: [message('--json')] });
  });
});
