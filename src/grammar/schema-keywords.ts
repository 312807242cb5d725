// The one table of JSON Schema's keywords: what is enforced, what says nothing about a value, and what is refused because no
// mask could hold an output to it. A keyword that is not here is refused, too.

/** Treatment of a keyword. */
export type Treatment = 'enforced' | 'ignored' | 'refused';

/** Row of the table. */
export interface KeywordRow {
  readonly treatment: Treatment;
  /** How far it is enforced, or why it is refused. */
  readonly note: string;
}

const enforced = (note = ''): KeywordRow => ({ treatment: 'enforced', note });
const ignored = (note = 'says nothing about a value'): KeywordRow => ({ treatment: 'ignored', note });
const refused = (note: string): KeywordRow => ({ treatment: 'refused', note });

const AT_MOST = 'at most 10,000';

/** Keyword → row. */
export const SCHEMA_KEYWORDS: ReadonlyMap<string, KeywordRow> = new Map([
  ['type', enforced('a name or a list of names; without it, the types that the other keywords speak of')],
  ['enum', enforced(`${AT_MOST} values; of them, those of \`type\` and \`const\`; no other keyword for their types`)],
  ['const', enforced('as an `enum` of one value')],
  ['properties', enforced('keys come in this order, integers first, as JavaScript orders them')],
  ['required', enforced('a name without a property takes `additionalProperties`, else any value')],
  ['additionalProperties', enforced('left out beside `properties`: no other keys')],
  ['propertyNames', enforced('an `enum` or `const` of names, or any text')],
  ['minProperties', enforced(`${AT_MOST}; beside free keys, 1 or what \`required\` has`)],
  ['maxProperties', enforced(AT_MOST)],
  ['prefixItems', enforced()],
  ['items', enforced('a schema, or a list as `prefixItems`; left out beside `prefixItems`: no more items than needed')],
  ['additionalItems', enforced('beside a list of `items`')],
  ['minItems', enforced(AT_MOST)],
  ['maxItems', enforced(AT_MOST)],
  ['uniqueItems', enforced('false, or true with at most one item')],
  ['minLength', enforced(`${AT_MOST}; in code points`)],
  ['maxLength', enforced(`${AT_MOST}; in code points`)],
  ['pattern', enforced('as `regex`, found anywhere in the text; not with `minLength` or `maxLength`')],
  [
    'format',
    enforced('the formats listed below, beside a `pattern` what fits both; not with `minLength` or `maxLength`'),
  ],
  ['minimum', enforced('at most 6 decimals, below 10¹⁵')],
  ['maximum', enforced('at most 6 decimals, above −10¹⁵')],
  ['exclusiveMinimum', enforced('a number, as `minimum`')],
  ['exclusiveMaximum', enforced('a number, as `maximum`')],
  ['multipleOf', enforced('1 only')],
  ['allOf', enforced('as one schema with the keywords of all')],
  ['anyOf', enforced()],
  ['oneOf', enforced('schemas of which no value fits two: by type, range, or a required property with other values')],
  ['$ref', enforced('within the schema: `#`, `#/$defs/name`; recursion where it can end')],
  ['$defs', enforced('through `$ref`')],
  ['definitions', enforced('through `$ref`')],
  ['$schema', ignored()],
  ['$id', ignored('at the top only')],
  ['$comment', ignored()],
  ['title', ignored()],
  ['description', ignored()],
  ['default', ignored()],
  ['examples', ignored()],
  ['deprecated', ignored()],
  ['readOnly', ignored()],
  ['writeOnly', ignored()],
  ['not', refused('a mask cannot keep a value from fitting')],
  ['if', refused('the other branch would have to be kept from fitting')],
  ['then', refused('belongs to `if`')],
  ['else', refused('belongs to `if`')],
  ['dependentRequired', refused('keys would depend on others')],
  ['dependentSchemas', refused('keys would depend on others')],
  ['dependencies', refused('keys would depend on others')],
  ['patternProperties', refused('keys would choose schemas')],
  ['contains', refused('some item would have to fit')],
  ['minContains', refused('belongs to `contains`')],
  ['maxContains', refused('belongs to `contains`')],
  ['unevaluatedItems', refused('depends on what other keywords matched: write `items`')],
  ['unevaluatedProperties', refused('depends on what other keywords matched: write `additionalProperties`')],
  ['contentEncoding', refused('the text inside a string would have to be read')],
  ['contentMediaType', refused('the text inside a string would have to be read')],
  ['contentSchema', refused('the text inside a string would have to be read')],
  ['$anchor', refused('write a path: `#/$defs/name`')],
  ['$dynamicRef', refused('write `$ref`')],
  ['$dynamicAnchor', refused('write `$ref`')],
  ['$recursiveRef', refused('write `$ref`')],
  ['$recursiveAnchor', refused('write `$ref`')],
  ['$vocabulary', refused('belongs to a schema of schemas')],
]);
