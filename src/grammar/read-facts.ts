// The keywords of one schema, checked and read into facts; those that join schemas are left to the reader of the document.
import type { JsonObject } from '../util/json.ts';
import { isJsonObject } from '../util/json.ts';
import { expectedNames } from '../util/keys.ts';
import { quote } from '../util/quote.ts';
import { UnsupportedSchemaError } from './errors.ts';
import { FORMATS } from './formats.ts';
import { type Bound, decimalsOf, MAX_BOUND_DECIMALS, MAX_WRITTEN } from './number-ranges.ts';
import { type Place, placeIn, tooMuch } from './schema-document.ts';
import {
  type Conjunction,
  type Facts,
  joinValues,
  NO_FACTS,
  type Stated,
  TYPES,
  type TypeName,
} from './schema-facts.ts';
import { SCHEMA_KEYWORDS } from './schema-keywords.ts';
import { MAX_BOUND } from './text-reader.ts';

/** Type → keywords that speak of it. */
const KEYWORDS_OF: readonly (readonly [TypeName, readonly string[]])[] = [
  ['number', ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']],
  ['string', ['minLength', 'maxLength', 'pattern', 'format']],
  ['array', ['items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems', 'uniqueItems']],
  ['object', ['properties', 'required', 'additionalProperties', 'propertyNames', 'minProperties', 'maxProperties']],
];

/**
 * Checks that each keyword of a schema has a row in the table that is not a refusal.
 *
 * @throws UnsupportedSchemaError naming the keyword and its place.
 */
export function checkKeywords(schema: JsonObject, path: string): void {
  for (const keyword of statedKeywords(schema)) {
    const row = SCHEMA_KEYWORDS.get(keyword);
    if (row === undefined) {
      const names = SCHEMA_KEYWORDS.keys().filter((name) => SCHEMA_KEYWORDS.get(name)?.treatment === 'enforced');
      throw new UnsupportedSchemaError(path, keyword, `is unknown, expected ${expectedNames(keyword, [...names])}`);
    }
    if (row.treatment === 'refused') throw new UnsupportedSchemaError(path, keyword, `is not supported: ${row.note}`);
  }
  if (schema.$id !== undefined && path !== '#')
    throw new UnsupportedSchemaError(path, '$id', 'is supported at the top only');
}

/** Lists the keywords of a schema; one that is undefined counts as left out. */
function statedKeywords(schema: JsonObject): string[] {
  return Object.keys(schema).filter((keyword) => schema[keyword] !== undefined);
}

/**
 * Reads what the keywords of a schema say, those aside that join schemas.
 *
 * @throws UnsupportedSchemaError for a value that a keyword does not take, or a bound beyond a limit.
 */
export function readFacts(schema: JsonObject, place: Place): Facts {
  const reader = new KeywordReader(schema, place);
  const isListed = reader.hasListedItems();
  const isInteger = reader.isOne('multipleOf');
  const named = reader.types();
  const types = isInteger && named === null ? TYPES.filter((type) => type !== 'number') : (named ?? TYPES);
  return {
    types: new Set(isInteger ? types.map((type) => (type === 'number' ? 'integer' : type)) : types),
    isTyped: named !== null,
    spokenOf: new Set(KEYWORDS_OF.filter(([, keywords]) => keywords.some(reader.has)).map(([type]) => type)),
    values: reader.values(),
    low: reader.bound('minimum', 'exclusiveMinimum', 1),
    high: reader.bound('maximum', 'exclusiveMaximum', -1),
    minLength: reader.count('minLength', 0),
    maxLength: reader.count('maxLength', Number.POSITIVE_INFINITY),
    pattern: reader.text('pattern'),
    format: reader.format(),
    prefix: isListed ? reader.schemas('items') : reader.schemas('prefixItems'),
    rest: reader.schema(isListed ? 'additionalItems' : 'items'),
    minItems: reader.count('minItems', 0),
    maxItems: reader.count('maxItems', Number.POSITIVE_INFINITY),
    isUnique: reader.flag('uniqueItems'),
    properties: reader.properties(),
    isClosed: reader.has('properties'),
    additional: reader.schema('additionalProperties'),
    required: reader.names('required'),
    minProperties: reader.count('minProperties', 0),
    maxProperties: reader.count('maxProperties', Number.POSITIVE_INFINITY),
  };
}

/** Reader of the values of keywords. */
class KeywordReader {
  readonly #schema: JsonObject;
  readonly #place: Place;

  constructor(schema: JsonObject, place: Place) {
    this.#schema = schema;
    this.#place = place;
  }

  readonly has = (keyword: string): boolean => this.#get(keyword) !== undefined;

  types(): readonly TypeName[] | null {
    const value = this.#get('type');
    if (value === undefined) return null;
    const names: readonly unknown[] = Array.isArray(value) ? value : [value];
    const types = TYPES.filter((type) => names.includes(type));
    const unknown = names.find((name) => !TYPES.some((type) => type === name));
    if (names.length === 0 || unknown !== undefined)
      throw this.#refuse('type', `is ${quote(unknown ?? value)}, expected one of ${TYPES.join(', ')}`);
    return types;
  }

  values(): Stated<readonly unknown[]> | null {
    const path = this.#place.path;
    const listed = this.#get('enum');
    if (listed !== undefined && !Array.isArray(listed)) throw this.#wrong('enum', 'a list of values');
    const only = this.has('const') ? { value: [this.#get('const')], path } : null;
    return joinValues(listed === undefined ? null : { value: listed, path }, only);
  }

  /** @param sign 1 for a lower bound, −1 for an upper one. */
  bound(inclusive: string, exclusive: string, sign: 1 | -1): Bound | null {
    const at = this.#bound(inclusive, sign);
    const beyond = this.#bound(exclusive, sign);
    if (at === null && beyond === null) return null;
    const isExclusive = at === null || (beyond !== null && sign * beyond >= sign * at);
    return { value: (isExclusive ? beyond : at) ?? 0, isExclusive };
  }

  #bound(keyword: string, sign: 1 | -1): number | null {
    const value = this.#get(keyword);
    if (value === undefined) return null;
    if (typeof value !== 'number') throw this.#wrong(keyword, 'a number');
    if (sign * value > MAX_WRITTEN) {
      const problem = `is ${value}, beyond which no number is written, expected ${sign * MAX_WRITTEN} at the utmost`;
      throw this.#refuse(keyword, problem, sign * MAX_WRITTEN);
    }
    if (decimalsOf(value) > MAX_BOUND_DECIMALS)
      throw this.#refuse(keyword, `is ${value}, expected at most ${MAX_BOUND_DECIMALS} decimals`, MAX_BOUND_DECIMALS);
    return value;
  }

  /** Tells whether a keyword is 1. */
  isOne(keyword: string): boolean {
    const value = this.#get(keyword);
    if (value !== undefined && value !== 1) throw this.#wrong(keyword, '1: other multiples are not supported');
    return value === 1;
  }

  count(keyword: string, otherwise: number): number {
    const value = this.#get(keyword);
    if (value === undefined) return otherwise;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
      throw this.#wrong(keyword, 'an integer ≥ 0');
    if (value > MAX_BOUND) throw this.#refuse(keyword, `is ${value}, expected at most ${MAX_BOUND}`, MAX_BOUND);
    return value;
  }

  /** Tells whether `items` is a list, as drafts before `prefixItems` have it. */
  hasListedItems(): boolean {
    const isListed = Array.isArray(this.#get('items'));
    if (isListed && this.has('prefixItems')) throw this.#refuse('prefixItems', 'is beside a list of items: write one');
    return isListed;
  }

  flag(keyword: string): boolean {
    const value = this.#get(keyword);
    if (value !== undefined && typeof value !== 'boolean') throw this.#wrong(keyword, 'true or false');
    return value === true;
  }

  text(keyword: string): Stated<string> | null {
    const value = this.#get(keyword);
    if (value === undefined) return null;
    if (typeof value !== 'string') throw this.#wrong(keyword, 'a text');
    return { value, path: this.#place.path };
  }

  format(): Stated<string> | null {
    const stated = this.text('format');
    if (stated !== null && !FORMATS.has(stated.value))
      throw this.#refuse(
        'format',
        `is ${quote(stated.value)}, expected ${expectedNames(stated.value, [...FORMATS.keys()])}`,
      );
    return stated;
  }

  names(keyword: string): ReadonlySet<string> {
    const value = this.#get(keyword);
    if (value === undefined) return new Set();
    if (!Array.isArray(value) || !value.every((name) => typeof name === 'string'))
      throw this.#wrong(keyword, 'a list of names');
    return new Set<string>(value);
  }

  schema(keyword: string): Conjunction | null {
    return this.has(keyword) ? [placeIn(this.#place, keyword)] : null;
  }

  schemas(keyword: string): readonly Conjunction[] {
    const value = this.#get(keyword);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw this.#wrong(keyword, 'a list of schemas');
    if (value.length > MAX_BOUND) throw tooMuch(this.#place.path, keyword, 'schemas', MAX_BOUND);
    return value.map((_, index) => [placeIn(this.#place, keyword, index)]);
  }

  properties(): ReadonlyMap<string, Conjunction> {
    const value = this.#get('properties');
    if (value === undefined) return NO_FACTS.properties;
    if (!isJsonObject(value)) throw this.#wrong('properties', 'an object of schemas');
    const names = Object.keys(value).filter((name) => value[name] !== undefined);
    return new Map(names.map((name) => [name, [placeIn(this.#place, 'properties', name)]]));
  }

  #get(keyword: string): unknown {
    return Object.hasOwn(this.#schema, keyword) ? this.#schema[keyword] : undefined;
  }

  #wrong(keyword: string, expected: string): UnsupportedSchemaError {
    return this.#refuse(keyword, `is ${quote(this.#get(keyword))}, expected ${expected}`);
  }

  #refuse(keyword: string, problem: string, limit: number | null = null): UnsupportedSchemaError {
    return new UnsupportedSchemaError(this.#place.path, keyword, problem, limit);
  }
}
