// The tables of docs/structured-output.md say what the code does, row by row.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FORMATS } from '../../src/grammar/formats.ts';
import { SCHEMA_KEYWORDS } from '../../src/grammar/schema-keywords.ts';

const page = readFileSync(new URL('../../docs/structured-output.md', import.meta.url), 'utf8');

test('the table of keywords is that of the code', () => {
  const [, table = ''] = page.split('| keyword | what becomes of it | how far, or why |\n| --- | --- | --- |\n');
  const rows = Array.from(
    SCHEMA_KEYWORDS,
    ([keyword, { treatment, note }]) => `| \`${keyword}\` | ${treatment} | ${note} |`,
  );
  expect(table.split('\n\n')[0]?.split('\n')).toEqual(rows);
});

test('the formats are those of the code', () => {
  const [, formats = ''] = page.split('\nFormats: ');
  expect(formats.split('.\n')[0]).toBe(Array.from(FORMATS.keys(), (name) => `\`${name}\``).join(', '));
});
