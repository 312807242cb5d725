// What is asked for is read in the thread: large ones hold up nobody, and their refusals are those of a reader here.
import { describe, expect, test } from 'vitest';
import { GrammarClosedError, GrammarFailedError } from '../../src/grammar/errors.ts';
import { grammarOf, type StructuredOutput } from '../../src/grammar/structured-output.ts';
import { compilersOfEachTest } from '../support/grammar/compilers-of-each-test.ts';

const open = compilersOfEachTest();

/** Gives the error with which an output is refused here. */
function refusalHere(output: StructuredOutput): unknown {
  try {
    grammarOf(output);
  } catch (error) {
    return error;
  }
  throw new Error('it is not refused');
}

/** Optional keys, whose reading takes more than four times as long for twice as many. */
const keys = (count: number) => ({
  json: {
    properties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, { type: 'null' }])),
  },
});

describe('a refusal that comes from the thread is the one that a reader here gives', () => {
  let deep: unknown = {};
  for (let level = 0; level < 20_000; level++) deep = { items: deep };
  test.each<StructuredOutput>([
    { json: { properties: { a: { not: {} } } } },
    { json: { type: 'string', pattern: '(?=a)' } },
    { json: { maxItems: 20_000 } },
    { json: { properties: { a: () => 1 } } },
    { json: { properties: { a: new Map() } } },
    { json: deep },
    { regex: '(a)\\1' },
    { regex: 'a'.repeat(10_001) },
    { grammar: 'root ::= a' },
    { grammar: 'root ::= root "a" | "b"' },
    { choice: ['\ud83d'] },
  ])('%#', async (output) => {
    const here = refusalHere(output);
    const there = await open()
      .compile(output)
      .catch((error: unknown) => error);
    expect(there).toBeInstanceOf(Object(here).constructor);
    expect(there).toEqual(here);
    expect({ ...Object(there) }).toEqual({ ...Object(here) });
  });
});

test('others have turns before the refusal of a large one is there', async () => {
  const order: string[] = [];
  const refused = open()
    .compile(keys(10_001))
    .catch((error: unknown) => order.push(String(error)));
  setImmediate(() => order.push('turn'));
  await refused;
  expect(order).toEqual(['turn', expect.stringContaining('has more than 10000 schemas')]);
});

test('one that takes too long to read is given up', async () => {
  const slow = open(1).compile(keys(4000));
  await expect(slow).rejects.toThrow(GrammarFailedError);
  await expect(slow).rejects.toThrow('took longer than 1 ms');
});

test('closing ends what is being read', async () => {
  const compiler = open();
  const reading = expect(compiler.compile(keys(9000))).rejects.toThrow(GrammarClosedError);
  await compiler.close();
  await reading;
});
