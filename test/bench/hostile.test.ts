// `node bench/hostile.ts` as a process, and its report.
// @module-tag sweep
import { expect, test } from 'vitest';
import { formatHostile } from '../../bench/experiments/hostile.ts';
import { errorsIn, runNode } from '../support/run-node.ts';

test('a form is a row of its status and times', () => {
  const text = formatHostile([{ name: 'a form', status: 400, answer: 12.6, good: 3.2, hold: 49.7 }]);
  expect(text.split('\n')[1]).toMatch(/^a form {27}400 +13 +3 +50$/);
});

test('every form is answered, and the good call after it', () => {
  const { status, stdout, stderr } = runNode(['bench/hostile.ts']);
  expect({ status, errors: errorsIn(stderr) }).toEqual({ status: 0, errors: [] });
  const [, ...rows] = stdout.trim().split('\n');
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) expect(row).toMatch(/ (200|400) +\d+ +\d+ +\d+$/);
});
