// 300 outputs to ask of a model: schemas of the JSON Schema Test Suite that are enforced, random schemas, regular expressions, grammars
// and lists of texts, each with its judge.
import { readFileSync } from 'node:fs';
import { UnsupportedSchemaError } from '../../../src/grammar/errors.ts';
import { grammarOf } from '../../../src/grammar/structured-output.ts';
import { judgeOf, randomSchema, withDefinitions } from './schemas.ts';
import { CHOICE_CASES, GRAMMAR_CASES, type OutputCase, regexCases } from './texts.ts';
import { randomNumbers } from './walk.ts';

/** Cases of the corpus. */
export const CORPUS_SIZE = 300;
const [NUM_RANDOM_REGEXES, RANDOM_SEED] = [22, 300];

/** A schema of the suite, and the file and description there. */
interface SuiteSchema {
  readonly from: string;
  readonly schema: unknown;
}

/** Schemas of the suite by what becomes of them. */
export interface SuiteCases {
  readonly cases: readonly OutputCase[];
  /** Keywords of the refusals, or paths where no keyword is to blame. */
  readonly refusals: readonly string[];
  /** Schemas with meta-schemas of their own, which no judge has. */
  readonly unjudged: readonly string[];
}

/** Schemas of the suite's draft 2020-12. */
export const DRAFT_2020_12: SuiteCases = suiteCases('draft2020-12.json', judgeOf);
/** Schemas of the suite's drafts 3 and 4. */
export const DRAFTS_3_4: SuiteCases = suiteCases('drafts-3-4.json', (schema) => judgeOf(schema, true));

function suiteCases(file: string, judge: (schema: unknown) => OutputCase['fits']): SuiteCases {
  const path = `test/fixtures/json-schema-test-suite/${file}`;
  const suite: readonly SuiteSchema[] = JSON.parse(readFileSync(path, 'utf8'));
  const [cases, refusals, unjudged]: [OutputCase[], string[], string[]] = [[], [], []];
  for (const { from, schema } of suite) {
    const output = { json: schema };
    try {
      grammarOf(output);
    } catch (error) {
      if (!(error instanceof UnsupportedSchemaError)) throw error;
      refusals.push(error.keyword ?? error.path);
      continue;
    }
    if (hasOwnMetaSchema(schema)) unjudged.push(from);
    else cases.push({ name: from, output, fits: whenAsked(() => judge(schema)) });
  }
  return { cases, refusals, unjudged };
}

function hasOwnMetaSchema(schema: unknown): boolean {
  const { $schema }: { readonly $schema?: unknown } = Object(schema);
  return $schema !== undefined && !String($schema).startsWith('https://json-schema.org/');
}

/** Makes a judge when its first text comes: making one takes longer than judging. */
function whenAsked(make: () => OutputCase['fits']): OutputCase['fits'] {
  let judge: OutputCase['fits'] | undefined;
  return (text) => {
    judge ??= make();
    return judge(text);
  };
}

/** Draws schemas, and skips the first of them. */
export function randomCases(count: number, seed: number, numSkipped = 0): OutputCase[] {
  const random = randomNumbers(seed);
  const schemas = Array.from({ length: numSkipped + count }, () => withDefinitions(randomSchema(random)));
  return schemas.slice(numSkipped).map((schema) => {
    return { name: JSON.stringify(schema), output: { json: schema }, fits: whenAsked(() => judgeOf(schema)) };
  });
}

/** Any JSON object. */
export const OBJECT_CASE: OutputCase = {
  name: 'jsonObject',
  output: { jsonObject: true },
  fits: judgeOf({ type: 'object' }),
};

/** All cases. */
function corpus(): OutputCase[] {
  const texts = [...regexCases(NUM_RANDOM_REGEXES), ...GRAMMAR_CASES, ...CHOICE_CASES, OBJECT_CASE];
  const { cases } = DRAFT_2020_12;
  return [...cases, ...texts, ...randomCases(CORPUS_SIZE - cases.length - texts.length, RANDOM_SEED)];
}

/** Takes some cases of the corpus from all its kinds, which stand one after the other. */
export function partOfCorpus(count: number): OutputCase[] {
  const all = corpus();
  return all.filter(
    (_, index) => Math.floor(((index + 1) * count) / all.length) > Math.floor((index * count) / all.length),
  );
}
