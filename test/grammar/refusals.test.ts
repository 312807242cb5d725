// What cannot be kept is refused with its place, and hostile schemas, grammars and regular expressions are refused at once.
import { afterAll, describe, expect, test } from 'vitest';
import {
  GrammarLimitError,
  GrammarRuleError,
  GrammarSyntaxError,
  StructuredOutputError,
  UnsupportedSchemaError,
} from '../../src/grammar/errors.ts';
import { GrammarCompiler } from '../../src/grammar/grammar-compiler.ts';
import { SCHEMA_KEYWORDS } from '../../src/grammar/schema-keywords.ts';
import { grammarOf, type StructuredOutput } from '../../src/grammar/structured-output.ts';
import { tales, walk } from '../support/grammar/walk.ts';

/** Gives the error with which an output is refused. */
function refusalOf(output: StructuredOutput): Error {
  try {
    grammarOf(output);
  } catch (error) {
    if (error instanceof StructuredOutputError) return error;
    throw error;
  }
  throw new Error('it is not refused');
}

describe('of a schema', () => {
  const nested = (depth: number, around: (inner: unknown) => unknown) => {
    let schema: unknown = { type: 'null' };
    for (let level = 0; level < depth; level++) schema = around(schema);
    return schema;
  };
  const ring: { properties?: unknown } = {};
  ring.properties = { a: ring };

  test.each<[unknown, path: string, keyword: string | null, limit?: number]>([
    [{ type: 'object', properties: { 'a/b': { type: 'text' } } }, '#/properties/a~1b', 'type'],
    [{ type: 'integer', multipleOf: 3 }, '#', 'multipleOf'],
    [{ type: 'array', uniqueItems: true }, '#', 'uniqueItems'],
    [
      {
        oneOf: [
          { type: 'number', minimum: 2 },
          { type: 'integer', maximum: 2 },
        ],
      },
      '#/oneOf/1',
      'oneOf',
    ],
    [{ type: 'string', pattern: 'a', maxLength: 3 }, '#', 'pattern'],
    [{ type: 'string', pattern: 'a', format: 'date' }, '#', null],
    [{ type: 'string', pattern: '(?=a)', format: 'date' }, '#', 'pattern'],
    [{ type: 'string', format: 'date', minLength: 3 }, '#', 'format'],
    [{ type: 'string', format: 'color' }, '#', 'format'],
    [{ allOf: [{ pattern: 'a' }, { pattern: 'b' }] }, '#/allOf/1', 'pattern'],
    [{ enum: ['a', 'bb'], minLength: 2 }, '#', 'enum'],
    [{ type: 'string', pattern: '(?=a)' }, '#', 'pattern'],
    [{ type: 'string', minLength: 10_001 }, '#', 'minLength', 10_000],
    [{ type: 'array', maxItems: 20_000 }, '#', 'maxItems', 10_000],
    [{ type: 'array', minItems: -1 }, '#', 'minItems'],
    [{ type: 'number', minimum: 1e-9 }, '#', 'minimum', 6],
    [{ type: 'object', additionalProperties: { type: 'null' }, minProperties: 2 }, '#', 'minProperties'],
    [{ properties: { a: true }, minProperties: 2 }, '#', 'minProperties'],
    [{ propertyNames: { maxLength: 3 } }, '#', 'propertyNames'],
    [{ propertyNames: { anyOf: [{ const: 'a' }, { pattern: 'b' }] } }, '#', 'propertyNames'],
    [{ propertyNames: { const: 'a' }, required: ['b'] }, '#', null],
    [{ prefixItems: [{ type: 'string' }], items: [{ type: 'integer' }] }, '#', 'prefixItems'],
    [{ enum: ['a', 'b'], const: 'c' }, '#', null],
    [{ minimum: 1e15 }, '#', 'minimum', 999_999_999_999_999],
    [{ exclusiveMaximum: -1e20 }, '#', 'exclusiveMaximum', -999_999_999_999_999],
    [{ $ref: 'https://example.com/a.json' }, '#', '$ref'],
    [{ $ref: '#name' }, '#', '$ref'],
    [{ $ref: '#/$defs/a%E0' }, '#', '$ref'],
    [{ $ref: '#/$defs/b', $defs: { a: true } }, '#', '$ref'],
    [{ $ref: '#' }, '#', '$ref'],
    [{ anyOf: [{ $ref: '#' }, { type: 'null' }] }, '#', '$ref'],
    [{ type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }, '#', null],
    [false, '#', null],
    [{ type: 'integer', minimum: 3, maximum: 2 }, '#', null],
    [{ items: { $id: 'https://example.com/b' } }, '#/items', '$id'],
    [{ enum: Array.from({ length: 10_001 }, (_, index) => index) }, '#', 'enum', 10_000],
    [{ enum: new Array(1_000_000).fill('a') }, '#', 'enum', 10_000],
    [nested(65, (items) => ({ items })), `#${'/items'.repeat(65)}`, null, 64],
    [nested(5_000, (items) => ({ items })), `#${'/items'.repeat(65)}`, null, 64],
    [nested(5_000, ($defs) => ({ $defs })), `#${'/$defs'.repeat(129)}`, null, 64],
    [ring, `#${'/properties/a'.repeat(64)}/properties`, null, 64],
    [{ properties: { a: () => 1 } }, '#/properties/a', null],
    [{ minimum: 10n }, '#/minimum', null],
    [{ properties: { a: new Map() } }, '#/properties/a', null],
    [{ items: 3 }, '#/items', null],
    [nested(20, (part) => ({ anyOf: [part, part], allOf: [{ anyOf: [part, part] }] })), '#', null, 100_000],
  ])('%#', (json, path, keyword, limit) => {
    const error = refusalOf({ json });
    expect(error).toBeInstanceOf(UnsupportedSchemaError);
    expect(error).toMatchObject(
      keyword === null && limit === 100_000 ? { limit } : { path, keyword, limit: limit ?? null },
    );
    expect(error.message.length).toBeLessThan(1000);
  });

  test.each([...SCHEMA_KEYWORDS].filter(([, { treatment }]) => treatment === 'refused'))(
    'with %s',
    (keyword, { note }) => {
      const error = refusalOf({ json: { type: 'object', properties: { a: { [keyword]: 1 } } } });
      expect(error.message).toBe(`schema at #/properties/a: ${keyword} is not supported: ${note}`);
    },
  );

  test.each([...SCHEMA_KEYWORDS].filter(([, { treatment }]) => treatment === 'ignored'))(
    'and not with %s',
    (keyword) => {
      expect(grammarOf({ json: { type: 'null', [keyword]: 'anything' } }).rules.size).toBe(1);
    },
  );

  test('with a keyword that nobody knows, and the one that was meant', () => {
    const { message } = refusalOf({ json: { type: 'array', minItem: 1 } });
    expect(message).toMatch(
      /^schema at #: minItem is unknown, expected one of type, .* \(did you mean "minItems"\?\)$/,
    );
  });
});

describe('of a regular expression', () => {
  test.each([
    ['a(?=b)', 1, 'lookahead is not supported'],
    ['a(?!b)', 1, 'lookahead is not supported'],
    ['(?<=a)b', 0, 'lookbehind is not supported'],
    ['(a)\\1', 3, 'backreference is not supported'],
    ['(?<n>a)\\k<n>', 7, 'backreference is not supported'],
    ['a\\p{L}', 1, '\\p{…} is not supported: name the characters'],
    ['a{10001}', 1, 'repetition of 10001, expected at most 10000'],
    ['a{3,2}', 1, 'repetition of 3 to 2'],
    ['a**', 2, 'repetition of a repetition'],
    ['a\\b', 1, '\\b is not supported'],
    ['a(^b)', 2, '^ is supported only at the start'],
    ['(a$)b', 2, '$ is supported only at the end'],
    ['(a', 0, 'group without its end'],
    ['a)', 1, ') without its start: write \\)'],
    ['[a', 0, 'class without its end'],
    ['[b-a]', 1, 'range in the wrong order'],
    ['\\q', 0, 'unknown escape \\q'],
    ['\\ud800', 2, 'U+D800 is no character'],
    ['\\ud800\\u0041', 2, 'U+D800 is no character'],
    ['a$b', 1, '$ is supported only at the end'],
    ['(?i:a)', 0, 'unknown kind of group'],
    ['é\u{1f600}+*', 3, 'repetition of a repetition'],
    [`${'(?:'.repeat(65)}a${')'.repeat(65)}`, 193, 'groups nested deeper than 64'],
  ])('%s', (regex, position, problem) => {
    const error = refusalOf({ regex });
    expect(error).toBeInstanceOf(GrammarSyntaxError);
    expect(error).toMatchObject({ position, message: `regex at character ${position}: ${problem}` });
  });

  test.each(['a'.repeat(10_001), '((a{1,1000}){1,1000}){1,1000}', '(?:(?:(?:a?){100}){100}){100}'])(
    'beyond a limit: %.20s',
    (regex) => expect(refusalOf({ regex })).toBeInstanceOf(GrammarLimitError),
  );
});

describe('of a grammar', () => {
  test.each([
    ['root ::= a', 9, 'there is no rule a'],
    ['a ::= "b"', 0, 'there is no rule root'],
    ['root ::= "a"\nroot ::= "b"', 13, 'rule root is given twice'],
    ['root = "a"', 5, 'expected ::= after the name root'],
    ['root ::= "a" (= "b")', 13, 'lookahead is not supported'],
    ['root ::= "a', 9, 'text without its end'],
    ['root ::= ', 9, 'nothing is here: write "" for the empty text'],
    ['root ::= ("a" | )', 16, 'nothing is here: write "" for the empty text'],
    ['root ::= "a"{1,20000}', 12, 'repetition of 20000, expected at most 10000'],
    [`root ::= ${'('.repeat(65)}"a"${')'.repeat(65)}`, 74, 'groups nested deeper than 64'],
    ['root ::= "\\q"', 10, 'unknown escape \\q'],
    ['', 0, 'there is no rule root'],
  ])('%s', (grammar, position, problem) => {
    const error = refusalOf({ grammar });
    expect(error).toBeInstanceOf(GrammarSyntaxError);
    expect(error).toMatchObject({ position, message: `grammar at character ${position}: ${problem}` });
  });

  test.each([
    ['root ::= "a" root', 'root', 'has no end'],
    ['root ::= "a" | b\nb ::= "b" b', 'b', 'has no end'],
    ['root ::= root "a" | "b"', 'root', 'comes to itself'],
    ['root ::= a? root | "b"\na ::= "c"', 'root', 'comes to itself'],
    ['root ::= a\na ::= b\nb ::= "x"* a | "y"', 'a', 'comes to itself'],
  ])('%s', (grammar, rule, problem) => {
    const error = refusalOf({ grammar });
    expect(error).toBeInstanceOf(GrammarRuleError);
    expect(error).toMatchObject({ rule, message: expect.stringMatching(`^rule ${rule} ${problem}`) });
  });

  test('that is long, or has many parts', () => {
    expect(refusalOf({ grammar: `root ::= "${'a'.repeat(300_000)}"` })).toBeInstanceOf(GrammarLimitError);
    expect(refusalOf({ grammar: 'root ::= (a{1,9999}){1,9999}\na ::= "b" "c"' })).toBeInstanceOf(GrammarLimitError);
  });
});

test('a choice of too many texts, or of half a surrogate pair, is refused', () => {
  expect(refusalOf({ choice: new Array(10_001).fill('a') })).toMatchObject({ value: 10_001, limit: 10_000 });
  expect(refusalOf({ choice: ['a', '\ud83d'] }).message).toBe('choice 1 has half of a surrogate pair');
});

describe('while a request is under way', () => {
  const compiler = new GrammarCompiler({ tokenizer: tales, vocabSize: tales.vocabSize, maxCompileMs: 20_000 });
  afterAll(() => compiler.close());

  test('hostile ones end with a typed error, and a good one and the request go on', async () => {
    const good = compiler.constraint({ choice: ['Once', 'One'] });
    const state = good.start();
    const before = await good.allowed(state);
    const hostile: StructuredOutput[] = [
      { json: { enum: new Array(1_000_000).fill(0) } },
      { json: { type: 'string', maxLength: 100_000 } },
      { json: { allOf: Array.from({ length: 40 }, () => ({ anyOf: [{ type: 'object' }, { type: 'array' }, true] })) } },
      { regex: `${'(a|a)'.repeat(1500)}(((b{0,99}){0,99}){0,99})` },
      { grammar: Array.from({ length: 9000 }, (_, index) => `r${index} ::= r${index + 1}`).join('\n') },
    ];
    for (const output of hostile) {
      await expect(compiler.compile(output)).rejects.toThrow(StructuredOutputError);
      expect((await walk(await compiler.compile({ choice: ['Once'] }), 1)).text).toBe('Once');
    }
    expect(await good.allowed(state)).toEqual(before);
    good.end?.(state);
  });
});
