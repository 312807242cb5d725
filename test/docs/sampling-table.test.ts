// The table of parameters in docs/sampling.md says what the code checks, row by row.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SAMPLING_PARAMETERS, type SamplingTable } from '../../src/core/sampling-table.ts';

const PAGE = new URL('../../docs/sampling.md', import.meta.url);

/** The rows of the table, as the page has to have them. */
function parameterTable(): string[] {
  const table: SamplingTable = SAMPLING_PARAMETERS;
  return Object.entries(table).map(
    ([name, { defaultText, range, meaning }]) => `| \`${name}\` | ${defaultText} | ${range} | ${meaning} |`,
  );
}

test('docs/sampling.md has a row for each sampling parameter, with its default, range and meaning', () => {
  const page = readFileSync(PAGE, 'utf8');
  const [, table = ''] = /^\| parameter \| default \| range \| meaning \|\n\| --- .*\n((?:\|.*\n)+)/m.exec(page) ?? [];
  expect(table.trimEnd().split('\n')).toEqual(parameterTable());
});
