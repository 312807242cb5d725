// bench/report.ts as a process: table, warnings and JSON, and what it refuses.
// @module-tag sweep
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { errorsIn, runNode } from '../support/run-node.ts';
import { resultsOf, writeResults } from './compare/results.ts';

const report = (...argv: string[]) => runNode(['bench/report.ts', ...argv]);

test('prints a table, warns on stderr and writes the same numbers to the JSON file and a page, which it does not replace', async () => {
  const other = resultsOf({ change: (file) => void Object.assign(file.meta, { driver: 'driver 2' }) });
  const [first = '', second = ''] = await writeResults(resultsOf(), other);
  const [json, page] = [`${second}.out`, `${second}.html`];
  const { status, stdout, stderr } = report(first, second, '--json', json, '--report', page);
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: 'warning: the environment differs: driver "driver 1" → "driver 2"\n',
  });
  expect(stdout).toMatch(/^first: +.*0\.json · weights\/tales \(f16\) · card · .*\n=== online ===\n/s);
  const written = JSON.parse(readFileSync(json, 'utf8'));
  expect(written).toMatchObject({ schema: 'roseinfer-run-comparison-1', first: { path: first }, differences: [] });
  expect(written.warnings).toHaveLength(1);
  expect(readFileSync(page, 'utf8')).toContain('Beware: the environment differs: driver');
  const again = report(first, second, '--report', page);
  expect({ status: again.status, stdout: again.stdout, errors: errorsIn(again.stderr) }).toEqual({
    status: 1,
    stdout: '',
    errors: [`--report is ${JSON.stringify(page)}, which exists; expected a new file, or --overwrite`],
  });
  const [rate] = written.modes.online.metrics;
  expect(stdout).toMatch(
    new RegExp(`completion tokens/s +${rate.first.toFixed(2)} +${rate.second.toFixed(2)} +1\\.000 `),
  );
});

test('refuses one file, a third, one that is missing, an output that is an input, and results of another workload', async () => {
  const other = resultsOf({ flags: ['--max-new-tokens', '7'] });
  const [first = '', second = ''] = await writeResults(resultsOf(), other);
  const refusal = (...argv: string[]) => {
    const { status, stdout, stderr } = report(...argv);
    expect(stdout).toBe('');
    return { status, errors: errorsIn(stderr) };
  };
  expect(refusal(first)).toEqual({ status: 2, errors: ['--second is missing, expected a value'] });
  expect(refusal(first, second, 'x')).toMatchObject({ status: 2, errors: [expect.stringMatching(/^stray word "x"/)] });
  expect(refusal(first, 'nowhere.json')).toEqual({
    status: 1,
    errors: ['nowhere.json: ENOENT, expected a file that can be read'],
  });
  expect(refusal(first, first, '--json', first)).toMatchObject({
    status: 2,
    errors: [expect.stringContaining('expected another file than')],
  });
  expect(refusal(first, second)).toEqual({
    status: 1,
    errors: ['--max-new-tokens is 100 in the first and 7 in the second, expected results of one workload'],
  });
});
