// Outputs drawn through the masks of schemas, grammars, regular expressions and choices, judged by Ajv and by JavaScript.
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { UnsupportedSchemaError } from '../../src/grammar/errors.ts';
import { GrammarCompiler } from '../../src/grammar/grammar-compiler.ts';
import { grammarOf, type StructuredOutput } from '../../src/grammar/structured-output.ts';
import { judgeOf, randomSchema, withDefinitions } from '../support/grammar/schemas.ts';
import { randomNumbers, tales, walk } from '../support/grammar/walk.ts';

interface Case {
  readonly name: string;
  readonly output: StructuredOutput;
  readonly fits: (text: string) => boolean;
}

/** Walks at a time. */
const WIDTH = 16;
const compiler = new GrammarCompiler({ tokenizer: tales, vocabSize: tales.vocabSize, maxCompileMs: 20_000 });
afterAll(() => compiler.close());

/** Draws an output for each case, and tells which are wrong and how many came to an end. */
async function judge(cases: readonly Case[]) {
  const wrong: string[] = [];
  let numEnded = 0;
  for (let start = 0; start < cases.length; start += WIDTH) {
    await Promise.all(
      cases.slice(start, start + WIDTH).map(async ({ name, output, fits }, index) => {
        const { text, hasEnded } = await walk(await compiler.compile(output), start + index);
        if (hasEnded) numEnded++;
        if (hasEnded && !fits(text)) wrong.push(`${name}: ${text}`);
      }),
    );
  }
  return { wrong, numEnded };
}

describe('the JSON Schema Test Suite', () => {
  const suite: readonly { readonly from: string; readonly schema: unknown }[] = JSON.parse(
    readFileSync('test/fixtures/json-schema-test-suite/schemas.json', 'utf8'),
  );
  const refusals: string[] = [];
  const cases = suite.flatMap(({ from, schema }): Case[] => {
    try {
      grammarOf({ json: schema });
      return [{ name: from, output: { json: schema }, fits: judgeOf(schema, true) }];
    } catch (error) {
      if (!(error instanceof UnsupportedSchemaError)) throw error;
      refusals.push(error.keyword ?? error.path);
      return [];
    }
  });

  test('has 57 schemas that are enforced, and 50 whose refusal names the keyword', () => {
    expect(suite.length).toBe(107);
    expect(cases.length).toBe(57);
    const counts = Map.groupBy(refusals, (keyword) => keyword).entries();
    expect(Object.fromEntries(counts.map(([keyword, each]) => [keyword, each.length]))).toEqual({
      ...{ patternProperties: 5, dependencies: 4, uniqueItems: 1, multipleOf: 3, not: 4, oneOf: 2, $ref: 5, format: 4 },
      // Of the drafts 3 and 4 alone.
      ...{ disallow: 3, divisibleBy: 3, extends: 3, id: 1, required: 3, type: 4 },
      ...{ exclusiveMaximum: 2, exclusiveMinimum: 2, 'tilda~field': 1 },
    });
  });

  test('outputs that end fit the schema, and most end', async () => {
    const { wrong, numEnded } = await judge(cases);
    expect(wrong).toEqual([]);
    expect(numEnded).toBeGreaterThanOrEqual(0.9 * cases.length);
  });
});

/** Draws schemas, and skips the first of them. */
function randomCases(count: number, numSkipped = 0): Case[] {
  const random = randomNumbers(18);
  const schemas = Array.from({ length: numSkipped + count }, () => withDefinitions(randomSchema(random)));
  return schemas.slice(numSkipped).map((schema) => {
    return { name: JSON.stringify(schema), output: { json: schema }, fits: judgeOf(schema) };
  });
}

describe.each([
  { name: '40 random schemas', tags: [], cases: randomCases(40) },
  { name: '120 more', tags: ['slow'], cases: randomCases(120, 40) },
])('$name', ({ tags, cases }) => {
  test('outputs that end fit them, and most end', { tags }, async () => {
    const { wrong, numEnded } = await judge(cases);
    expect(wrong).toEqual([]);
    expect(numEnded).toBeGreaterThanOrEqual(0.9 * cases.length);
  });
});

const REGEXES = [
  ...['[a-c]{2,3}\\d+(?:x|yy)*', 'Once (?:upon|in) a (?:time|while)', '[^a-z\\s]{4}', '(?<year>\\d{4})-\\d\\d?'],
  ...['\\u00e9+?x', '[\\u{1f600}-\\u{1f64f}]{2}', '.{1,9}', '\\S+'],
];
const GRAMMARS: readonly (readonly [grammar: string, pattern: RegExp])[] = [
  ['root ::= "a" root "b" | "ab"', /^a+b+$/],
  ['root ::= item (", " item)*\nitem ::= [A-Z] [a-z]{0,3} # a name', /^[A-Z][a-z]{0,3}(, [A-Z][a-z]{0,3})*$/],
  ['root ::= sum\nsum ::= term ("+" term)*\nterm ::= [0-9]{1,2} | "(" sum ")"', /^[0-9+()]+$/],
  ['root ::= "\\u00e9" [^x]? "\\x41"', /^é[^x]?A$/u],
];
const CHOICES = [
  ['yes', 'no'],
  ['a', 'ab', 'abc', 'bc'],
  ['é"\n', '{}'],
];

test('outputs of regular expressions, grammars and choices that end fit them, and most end', async () => {
  const cases: Case[] = [
    ...[...REGEXES, ...randomRegexes(24)].map((regex) => ({
      name: regex,
      output: { regex },
      fits: (text: string) => new RegExp(`^(?:${regex})$`, 'u').test(text),
    })),
    ...GRAMMARS.map(([grammar, pattern]) => ({
      name: grammar,
      output: { grammar },
      fits: (text: string) => pattern.test(text),
    })),
    ...CHOICES.map((choice) => ({
      name: choice.join(),
      output: { choice },
      fits: (text: string) => choice.includes(text),
    })),
    { name: 'jsonObject', output: { jsonObject: true }, fits: judgeOf({ type: 'object' }) },
  ];
  const { wrong, numEnded } = await judge(cases);
  expect(wrong).toEqual([]);
  expect(numEnded).toBeGreaterThanOrEqual(0.9 * cases.length);
});

test('an output that was cut is one that the grammar goes on with, and a wrong one would be found', async () => {
  const constraint = await compiler.compile({ json: { type: 'array', items: { type: 'integer' }, minItems: 300 } });
  const { ids, text, hasEnded } = await walk(constraint, 1, 40);
  expect([hasEnded, ids.length]).toEqual([false, 40]);
  let state = constraint.start();
  for (const id of ids) state = constraint.accept(state, id);
  expect((await constraint.allowed(state)).some((word) => word !== 0)).toBe(true);
  constraint.end?.(state);
  expect(judgeOf({ type: 'array' })(text)).toBe(false);
});

/** Draws regular expressions whose alternatives share their starts and ends. */
function randomRegexes(count: number): string[] {
  const random = randomNumbers(3);
  const below = (most: number) => Math.floor(random() * most);
  const draw = (depth: number): string => {
    const kind = below(depth === 0 ? 2 : 5);
    if (kind < 2) return ['a', '[ab]', 'bc', '[a-c]'][below(4)] ?? 'a';
    if (kind === 2) return `(?:${draw(depth - 1)})${['?', '{1,3}', '{2}'][below(3)] ?? ''}`;
    if (kind === 3) return `${draw(depth - 1)}${draw(depth - 1)}`;
    return `(?:${Array.from({ length: 2 + below(3) }, () => draw(depth - 1)).join('|')})`;
  };
  return Array.from({ length: count }, () => draw(4));
}
