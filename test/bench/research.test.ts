// Benchmark of research: its flags, its table, and a run on a small model.
import { describe, expect, test } from 'vitest';
import { formatPatchingCost } from '../../bench/experiments/patching-cost.ts';
import { researchScript } from '../../bench/experiments/research-args.ts';
import { readCommandLine } from '../../src/terminal/command-line.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

test('a report has a row for each way to run a sweep, and a dash for a time that was not taken', () => {
  const rows = formatPatchingCost({ runs: 240, plainMs: 200, patchedMs: 250, cachedMs: null }).split('\n');
  expect(rows[0]).toMatch(/^ +ms +÷ plain$/);
  expect(rows[1]).toMatch(/^240 plain passes +200.0 +1.000$/);
  expect(rows[2]).toMatch(/^patched +250.0 +1.250$/);
  expect(rows[3]).toMatch(/^patched, from a cache +- +-$/);
});

describe('node bench/research.ts', () => {
  test('refuses a text of one token', () => {
    expect(() => readCommandLine(researchScript, ['--tokens', '1'])).toThrow(
      '--tokens is 1, expected an integer from 2',
    );
  });

  test('prints a table for a model', () => {
    const flags = ['--model', 'test/fixtures/models/plain', '--tokens', '3', '--rounds', '1'];
    const { status, stdout, stderr } = runNode(['bench/research.ts', ...flags]);
    expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
    const [title, , plain, patched, cached] = stdout.trimEnd().split('\n');
    expect(title).toMatch(/^test\/fixtures\/models\/plain, 3 tokens, on /);
    expect(plain).toMatch(/^6 plain passes +[\d.]+ +1.000$/);
    for (const row of [patched, cached]) expect(row).toMatch(/^patched(, from a cache)? +[\d.]+ +[\d.]+$/);
  });
});
