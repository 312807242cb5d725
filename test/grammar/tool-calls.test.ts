// Calls of tools as a grammar: random walks are read back by a reader of their own, and what is wrong is named.
import { describe, expect, test } from 'vitest';
import { UnsupportedSchemaError } from '../../src/grammar/errors.ts';
import type { ToolCallForm } from '../../src/grammar/tool-calls.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { compilersOfEachTest } from '../support/grammar/compilers-of-each-test.ts';
import { walk } from '../support/grammar/walk.ts';

const openCompiler = compilersOfEachTest();
const FORM: ToolCallForm = {
  syntax: {
    opening: '<<a<<b',
    start: '[{"n": "',
    beforeArguments: '", "a": ',
    between: '}, {"n": "',
    end: '}]',
  },
  tools: [
    {
      name: 'find',
      parameters: {
        type: 'object',
        properties: { age: { type: 'integer', minimum: 0, maximum: 9 } },
        required: ['age'],
      },
    },
    {
      name: 'find_all',
      parameters: { type: 'object', properties: { kind: { enum: ['}]', '"'] } }, required: ['kind'] },
    },
  ],
  isParallel: true,
};
/** Calls of the form, as a list of JSON. */
const CALLS = /^<<a<<b(\[.*\])$/s;
const FITS: Readonly<Record<string, (given: Record<string, unknown>) => boolean>> = {
  find: ({ age, ...rest }) => Number.isInteger(age) && Object.keys(rest).length === 0,
  find_all: ({ kind, ...rest }) => ['}]', '"'].includes(String(kind)) && Object.keys(rest).length === 0,
};

function readCalls(text: string): { readonly n: string; readonly a: Record<string, unknown> }[] {
  const calls: { n: string; a: Record<string, unknown> }[] = JSON.parse(CALLS.exec(text)?.[1] ?? 'null');
  for (const { n, a } of calls) expect([n, a, FITS[n]?.(a)]).toEqual([n, a, true]);
  return calls;
}

test('calls are of known names, with arguments that fit, one or several', async () => {
  const compiler = openCompiler();
  const all = await compiler.compile({ toolCalls: FORM });
  const one = await compiler.compile({ toolCalls: { ...FORM, isParallel: false } });
  const names = new Set<string>();
  let longest = 0;
  for (let seed = 1; seed <= 12; seed++) {
    for (const [constraint, most] of [
      [all, Number.POSITIVE_INFINITY],
      [one, 1],
    ] as const) {
      const { text, hasEnded } = await walk(constraint, seed, 400);
      if (!hasEnded) continue;
      const calls = readCalls(text);
      for (const { n } of calls) names.add(n);
      longest = Math.max(longest, calls.length);
      expect(calls.length).toBeLessThanOrEqual(most);
    }
  }
  expect([...names].sort()).toEqual(['find', 'find_all']);
  expect(longest).toBeGreaterThan(1);
});

describe('what is wrong is named', () => {
  const changed = (fields: object) => ({ toolCalls: { ...FORM, ...fields } });
  test.each([
    [{ tools: [] }, 'tools is [], expected a list of one tool at least'],
    [{ tools: [{ name: 'a b', parameters: {} }] }, 'name is "a b", expected 1 to 64 of'],
    [{ tools: [{ name: 'a' }] }, 'toolCalls.tools[0].parameters is undefined'],
    [{ tools: [FORM.tools[0], FORM.tools[0]] }, 'toolCalls.tools[1].name is "find", expected a name of its own'],
    [{ isParallel: undefined }, 'toolCalls.isParallel is undefined'],
    [{ syntax: { ...FORM.syntax, beforeArguments: 'a' } }, 'beforeArguments is "a", expected a text that begins with'],
    [{ syntax: { ...FORM.syntax, ending: '' } }, 'key of toolCalls.syntax is "ending"'],
  ])('%#', (fields, message) => {
    const compiler = openCompiler();
    expect(() => compiler.constraint(changed(fields))).toThrow(RangeValueError);
    expect(() => compiler.constraint(changed(fields))).toThrow(message);
  });

  test('a schema by the place of its tool', async () => {
    const compiler = openCompiler();
    const path = async (parameters: object) => {
      const refused = compiler.compile(changed({ tools: [FORM.tools[0], { name: 'a', parameters }] }));
      const error = await refused.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(UnsupportedSchemaError);
      return Reflect.get(Object(error), 'path');
    };
    expect(await path({ type: 'array' })).toBe('#/1/parameters');
    expect(await path({ type: 'object', properties: { b: { not: {} } } })).toBe('#/1/parameters/properties/b');
  });
});
