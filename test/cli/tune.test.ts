// `roseinfer tune` as a process: what is measured is kept, and measured again when told to.
// @module-tag sweep
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errorsIn, runNode } from '../support/run-node.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** The smallest steps: a software adapter measures them in seconds. */
const SMALL = ['--max-batch-size', '1', '--max-batch-tokens', '8', '--max-model-len', '16'];

const tune = (cache: string, ...args: string[]) =>
  runNode(['src/cli/roseinfer.js', 'tune', ...SMALL, ...args], { env: { ROSEINFER_CACHE: cache } });

interface TunedKernel {
  readonly kernel: string;
  readonly sizes: number;
  readonly kept: number;
  readonly file: string;
}

test('measures once, keeps that where it says, and measures again with --force', () => {
  const cache = join(temporaryDirectory(), 'new', 'cache');
  const first = JSON.parse(tune(cache, '--json').stdout);
  const measured = first.kernels.filter(({ sizes }: TunedKernel) => sizes > 0);
  expect(first).toMatchObject({ schema: 'roseinfer-tune-1', model: 'weights/tales', directory: cache });
  expect(first.measured).toBe(measured.reduce((sum: number, { sizes }: TunedKernel) => sum + sizes, 0));
  expect(first.measured).toBeGreaterThan(0);
  for (const { file } of measured) expect(existsSync(file)).toBe(true);
  const files = readdirSync(cache);
  const second = tune(cache);
  expect(second.stdout).toMatch(new RegExp(`^0 of ${first.measured} sizes measured now, the others before`, 'm'));
  expect(second.stdout).toContain(`${measured[0].kernel}: ${measured[0].sizes} sizes in ${measured[0].file}\n`);
  const forced = JSON.parse(tune(cache, '--json', '--force').stdout);
  expect(forced.measured).toBe(first.measured);
  expect(readdirSync(cache)).toEqual(files);
});

test.each<[name: string, cache: string, args: readonly string[], message: RegExp]>([
  [
    'a cache that is no directory',
    '/dev/null',
    [],
    /^directory of measurements is "\/dev\/null" \(E\w+\), expected one that can be written; ROSEINFER_CACHE/,
  ],
  ['a model that is missing', '', ['--model', 'nowhere'], /^nowhere: model directory is missing, expected/],
])('%s is told in one line', (_, cache, args, message) => {
  const { status, stdout, stderr } = tune(cache || temporaryDirectory(), ...args);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(errorsIn(stderr)).toEqual([expect.stringMatching(message)]);
});
