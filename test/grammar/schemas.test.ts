// Outputs drawn through the masks of schemas, grammars, regular expressions and choices, judged by Ajv and by JavaScript.
import { afterAll, describe, expect, test } from 'vitest';
import { GrammarCompiler } from '../../src/grammar/grammar-compiler.ts';
import { DRAFT_2020_12, DRAFTS_3_4, OBJECT_CASE, randomCases } from '../support/grammar/corpus.ts';
import { judgeOf } from '../support/grammar/schemas.ts';
import { CHOICE_CASES, GRAMMAR_CASES, type OutputCase, regexCases } from '../support/grammar/texts.ts';
import { tales, walk } from '../support/grammar/walk.ts';

/** Walks at a time. */
const WIDTH = 16;
const compiler = new GrammarCompiler({ tokenizer: tales, vocabSize: tales.vocabSize, maxCompileMs: 20_000 });
afterAll(() => compiler.close());

/** Draws an output for each case, and tells which are wrong and how many came to an end. */
async function judge(cases: readonly OutputCase[]) {
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
  const countsOf = (refusals: readonly string[]) =>
    Array.from(
      Map.groupBy(refusals, (keyword) => keyword),
      ([keyword, { length }]) => `${keyword} ${length}`,
    ).toSorted();

  test('of the drafts 3 and 4 has 57 schemas that are enforced, and 50 whose refusal names the keyword', () => {
    expect(DRAFTS_3_4.cases.length).toBe(57);
    expect(DRAFTS_3_4.unjudged).toEqual([]);
    expect(countsOf(DRAFTS_3_4.refusals)).toEqual(
      [
        ...['patternProperties 5', 'dependencies 4', 'uniqueItems 1', 'multipleOf 3', 'not 4', 'oneOf 2', '$ref 5'],
        'format 4',
        // Of the drafts 3 and 4 alone.
        ...['disallow 3', 'divisibleBy 3', 'extends 3', 'id 1', 'required 3', 'type 4', 'exclusiveMaximum 2'],
        ...['exclusiveMinimum 2', 'tilda~field 1'],
      ].toSorted(),
    );
  });

  test('of the draft 2020-12 has 160 schemas that are enforced, 4 without a judge, and 236 whose refusal names the keyword', () => {
    expect(DRAFT_2020_12.cases.length).toBe(160);
    expect(DRAFT_2020_12.unjudged.length).toBe(4);
    expect(countsOf(DRAFT_2020_12.refusals)).toEqual(
      [
        ...['$ref 48', 'unevaluatedProperties 32', 'unevaluatedItems 20', 'if 17', 'contains 16', 'not 12'],
        ...['patternProperties 15', 'format 10', 'oneOf 8', 'dependencies 7', 'dependentSchemas 7', 'multipleOf 7'],
        ...['propertyNames 2', 'dependentRequired 4', '$dynamicAnchor 3', '$dynamicRef 3', 'contentMediaType 3'],
        ...['then 3', 'uniqueItems 3', 'else 2', 'pattern 2', 'unknown-keyword 2', '$id 1', 'contentEncoding 1'],
        ...['maxContains 1', 'minContains 1'],
        // Schemas that no value fits.
        '# 6',
      ].toSorted(),
    );
  });
});

describe.each([
  { name: 'the drafts 3 and 4 of the suite', tags: [], cases: DRAFTS_3_4.cases },
  { name: 'the draft 2020-12 of the suite', tags: ['slow'], cases: DRAFT_2020_12.cases },
  { name: '40 random schemas', tags: [], cases: randomCases(40, 18) },
  { name: '120 more', tags: ['slow'], cases: randomCases(120, 18, 40) },
  {
    name: 'regular expressions, grammars and choices',
    tags: [],
    cases: [...regexCases(24), ...GRAMMAR_CASES, ...CHOICE_CASES, OBJECT_CASE],
  },
])('of $name', ({ tags, cases }) => {
  test('outputs that end fit, and most end', { tags }, async () => {
    const { wrong, numEnded } = await judge(cases);
    expect(wrong).toEqual([]);
    expect(numEnded).toBeGreaterThanOrEqual(0.9 * cases.length);
  });
});

test('no judge of a grammar or a choice takes an empty text or a bracket for an output', () => {
  const judges = [...GRAMMAR_CASES, ...CHOICE_CASES];
  expect(judges.filter(({ fits }) => fits('') || fits('{')).map(({ name }) => name)).toEqual([]);
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
