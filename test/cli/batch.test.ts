// `roseinfer batch` as a process: cut at any moment it goes on, and ends with the results of a run that was never cut.
// @module-tag sweep
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readResults, startBatch, stopAfter, writeCalls } from '../support/batch-kills.ts';
import { errorsIn, runNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const NUM_CALLS = 60;

test('goes on after it was killed and interrupted, with each result once and as in a run that was not', async () => {
  const directory = temporaryDirectory();
  const [input, output] = [join(directory, 'in.jsonl'), join(directory, 'out.jsonl')];
  writeCalls(input, NUM_CALLS, 12);
  const args = [input, output, '--seed', '3', '--ordered'];
  const killed = startBatch(...args);
  const other = stopAfter(output, 5, killed);
  expect((await other).status).toBeNull();
  const before = readFileSync(output);
  expect(existsSync(`${output}.lock`)).toBe(true);

  const interrupted = startBatch(...args);
  const { status, stderr } = await stopAfter(output, 25, interrupted, { signal: 'SIGINT' });
  expect([status, errorsIn(stderr)]).toEqual([130, []]);
  expect(stderr).toMatch(/^resuming after \d+ results$/m);
  // What counted stays as it is, and the rest comes after it.
  const numWhole = before.lastIndexOf(0x0a) + 1;
  expect(readFileSync(output).subarray(0, numWhole)).toEqual(before.subarray(0, numWhole));

  const last = startBatch(...args);
  while (last.child.exitCode === null && !existsSync(`${output}.lock`)) await setTimeout(5);
  // It holds the lock for as long as the other takes to start.
  last.child.kill('SIGSTOP');
  const refused = await startBatch(...args).ended;
  last.child.kill('SIGCONT');
  expect(errorsIn(refused.stderr)).toEqual([
    expect.stringMatching(/out\.jsonl", to which another run writes; its lock/),
  ]);
  const end = await last.ended;
  expect([end.status, errorsIn(end.stderr), end.stdout]).toEqual([0, [], '']);
  expect(end.stderr).toMatch(/^60 of 60 lines · [\d.]+ tokens\/s in .* s · seed 3$/m);
  expect(existsSync(`${output}.lock`)).toBe(false);

  const piped = runNode(['src/cli/roseinfer.js', 'batch', '-', '-', '--seed', '3', '--quiet'], {
    input: readFileSync(input, 'utf8'),
  });
  expect([piped.status, errorsIn(piped.stderr)]).toEqual([0, []]);
  const whole = join(directory, 'whole.jsonl');
  writeFileSync(whole, piped.stdout);
  expect(readResults(output)).toHaveLength(NUM_CALLS);
  // A pipe has no order, and is another window of another run.
  expect(readResults(output)).toEqual(readResults(whole));
});

test('refuses an output of another input, seed or order, or of something else, and begins anew when told to', async () => {
  const directory = temporaryDirectory();
  const [input, output] = [join(directory, 'in.jsonl'), join(directory, 'out.jsonl')];
  writeFileSync(output, '');
  writeFileSync(input, '\uFEFF{"prompt":"a","max_tokens":1}\r\n{"prompt":"b","max_tokens":-1}');
  const run = async (...words: string[]) => {
    const { status, stderr } = await startBatch(input, output, ...words).ended;
    return { status, errors: errorsIn(stderr) };
  };
  const failed = { status: 1, errors: ['1 line has an error: see "error" and "status_code" of the results'] };
  expect(await run('--seed', '1')).toEqual(failed);
  const results = readFileSync(output, 'utf8');
  const refusal = (reason: string) => ({ status: 1, errors: [expect.stringContaining(reason)] });
  expect(await run('--seed', '2')).toEqual(
    refusal('the results of another seed, 1; expected that one, or --overwrite'),
  );
  writeFileSync(input, '{"prompt":"a","max_tokens":1}\n');
  expect(await run()).toEqual(refusal('the results of another input; expected the file as it was, or --overwrite'));
  expect(readFileSync(output, 'utf8')).toBe(results);
  expect(await run('--overwrite')).toEqual({ status: 0, errors: [] });
  expect(readResults(output)).toHaveLength(1);
  writeFileSync(`${output}.run.json`, '');
  expect(await run()).toEqual(refusal('which is not empty and has no record of a run beside it; expected a new file'));
});

test.each([
  [['package.json', 'package.json'], '--output is "package.json", expected another file than --input names'],
  [['package.json'], '--output is missing, expected a value'],
])('refuses %j before a model is loaded', (words, message) => {
  const { stderr, stdout } = runNode(['src/cli/roseinfer.js', 'batch', ...words]);
  expect([errorsIn(stderr), stdout]).toEqual([[message], '']);
  expect(existsSync('out.jsonl')).toBe(false);
});
