// Listings in the documents are parts of the files that they name, letter by letter but for the breaks of lines.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { documents, ROOT } from './documents.ts';

const listings = documents
  .flatMap(({ blocks }) => blocks)
  .flatMap(({ place, code, from }) => (from === null ? [] : [{ place, code, from }]));

/** Code without white space, and without the comma that the formatter adds where it breaks a list. */
function compact(code: string): string {
  return code.replaceAll(/\s+/g, '').replaceAll(/,(?=[)\]}])/g, '');
}

test.each(listings)('$place is a part of $from', ({ code, from }) => {
  expect(compact(readFileSync(join(ROOT, from), 'utf8'))).toContain(compact(code));
});

test('documents have listings, and one that lacks a call or has another argument is found', () => {
  expect(listings.length).toBeGreaterThan(0);
  const file = compact('f(\n  a,\n  b,\n);\ng(c);\nh(d);\n');
  expect(file).toContain(compact('f(a, b);\ng(c);\n'));
  expect(file).not.toContain(compact('f(a, b);\nh(d);\n'));
  expect(file).not.toContain(compact('f(a, c);\n'));
});
