// A pattern beside a format: outputs fit both, as zod writes its own checks of strings.
import { expect, test } from 'vitest';
import { z } from 'zod';
import { UnsupportedSchemaError } from '../../src/grammar/errors.ts';
import { grammarOf } from '../../src/grammar/structured-output.ts';
import { compilersOfEachTest } from '../support/grammar/compilers-of-each-test.ts';
import { judgeOf } from '../support/grammar/schemas.ts';
import { walk } from '../support/grammar/walk.ts';

const open = compilersOfEachTest();

test.each([
  ['an address', z.email()],
  ['any uuid', z.uuid()],
  ['a random uuid', z.uuidv4()],
  ['a guid', z.guid()],
  ['a url', z.url()],
  ['a date', z.iso.date()],
  ['a time in UTC', z.iso.datetime()],
  ['a time with an offset', z.iso.datetime({ offset: true })],
  ['an address of IPv4', z.ipv4()],
])('%s of zod', async (_, type) => {
  const json = z.toJSONSchema(type);
  const constraint = await open().compile({ json });
  for (const seed of [1, 2, 3, 4]) {
    const { text, hasEnded } = await walk(constraint, seed);
    expect([text, hasEnded, judgeOf(json)(text)]).toEqual([text, true, true]);
    expect(type.safeParse(JSON.parse(text)).success).toBe(true);
  }
});

test('where nothing fits both, no value fits', () => {
  const json = { type: 'string', format: 'date', pattern: '^2026-02-3' };
  expect(() => grammarOf({ json })).toThrow(UnsupportedSchemaError);
  expect(() => grammarOf({ json })).toThrow('is one that no value fits');
});
