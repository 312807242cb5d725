// Every command that a document prints is executed, or it is said why it is not.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, shellLines } from './documents.ts';
import { EXECUTIONS, executionOf } from './execution.ts';

test('every command is executed by something, or it is said why it is not', () => {
  expect(shellLines.filter(({ place, line }) => executionOf(place, line) === null)).toEqual([]);
});

test('what executes a command is there, and every line of the list is about one', () => {
  const used = new Set(shellLines.map(({ place, line }) => executionOf(place, line)));
  expect(EXECUTIONS.filter((execution) => !used.has(execution))).toEqual([]);
  const files = EXECUTIONS.flatMap(({ by = [] }) => by);
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  for (const { by, not } of EXECUTIONS) expect((by === undefined) !== (not === undefined)).toBe(true);
});

test('a command that nothing executes is found', () => {
  expect(executionOf('docs/kernels.md:3', 'npx node bench/gone.ts')).toBeNull();
  expect(executionOf('docs/models.md:3', 'npx roseinfer pull a/b')?.by).toEqual(['test/docs/pull.test.ts']);
});
