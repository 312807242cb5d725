// Facts about a value by the keywords of one schema, or of several that hold at once: bounds are the tighter ones, schemas of a
// property or an item are those of all.
import { isJsonObject } from '../util/json.ts';
import { quote } from '../util/quote.ts';
import { UnsupportedSchemaError } from './errors.ts';
import type { Bound } from './number-ranges.ts';
import type { Place } from './schema-document.ts';

/** Name of a type in `type`. */
export type TypeName = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object';

/** Types of values; an integer is a number, too. */
export const TYPES: readonly TypeName[] = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'];

/** Schemas that hold at once. */
export type Conjunction = readonly Place[];

/** A keyword's value and where it stands. */
export interface Stated<T> {
  readonly value: T;
  readonly path: string;
}

/** Facts that are known of a value. */
export interface Facts {
  /** Types that it may have. */
  readonly types: ReadonlySet<TypeName>;
  /** The types were named. */
  readonly isTyped: boolean;
  /** Types that a keyword other than type, enum and const speaks of. */
  readonly spokenOf: ReadonlySet<TypeName>;
  /** Values of `enum` or `const`. */
  readonly values: Stated<readonly unknown[]> | null;
  readonly low: Bound | null;
  readonly high: Bound | null;
  readonly minLength: number;
  readonly maxLength: number;
  readonly pattern: Stated<string> | null;
  readonly format: Stated<string> | null;
  readonly prefix: readonly Conjunction[];
  /** Schemas of the items after the prefix; null where nothing was said. */
  readonly rest: Conjunction | null;
  readonly minItems: number;
  readonly maxItems: number;
  readonly isUnique: boolean;
  readonly properties: ReadonlyMap<string, Conjunction>;
  /** Properties were given, if only none: where `additional` is null, there are no others. */
  readonly isClosed: boolean;
  /** Schemas of other properties; null where nothing was said. */
  readonly additional: Conjunction | null;
  readonly required: ReadonlySet<string>;
  readonly minProperties: number;
  readonly maxProperties: number;
}

/** Facts without a keyword. */
export const NO_FACTS: Facts = {
  types: new Set(TYPES),
  isTyped: false,
  spokenOf: new Set(),
  values: null,
  ...{ low: null, high: null, minLength: 0, maxLength: Number.POSITIVE_INFINITY, pattern: null, format: null },
  ...{ prefix: [], rest: null, minItems: 0, maxItems: Number.POSITIVE_INFINITY, isUnique: false },
  ...{ properties: new Map(), isClosed: false, additional: null, required: new Set() },
  ...{ minProperties: 0, maxProperties: Number.POSITIVE_INFINITY },
};

/**
 * Joins what two schemas say.
 *
 * @throws UnsupportedSchemaError for two patterns, or two formats.
 */
export function joinFacts(a: Facts, b: Facts): Facts {
  if (a === NO_FACTS) return b;
  if (b === NO_FACTS) return a;
  const numPrefix = Math.max(a.prefix.length, b.prefix.length);
  const names = new Set([...a.properties.keys(), ...b.properties.keys()]);
  return {
    types: joinTypes(a.types, b.types),
    isTyped: a.isTyped || b.isTyped,
    spokenOf: a.spokenOf.union(b.spokenOf),
    values: joinValues(a.values, b.values),
    low: tighter(a.low, b.low, 1),
    high: tighter(a.high, b.high, -1),
    minLength: Math.max(a.minLength, b.minLength),
    maxLength: Math.min(a.maxLength, b.maxLength),
    pattern: only('pattern', a.pattern, b.pattern),
    format: only('format', a.format, b.format),
    prefix: Array.from({ length: numPrefix }, (_, index) => [...itemOf(a, index), ...itemOf(b, index)]),
    rest: both(a.rest, b.rest),
    minItems: Math.max(a.minItems, b.minItems),
    maxItems: Math.min(a.maxItems, b.maxItems),
    isUnique: a.isUnique || b.isUnique,
    properties: new Map(Array.from(names, (name) => [name, [...propertyOf(a, name), ...propertyOf(b, name)]])),
    isClosed: a.isClosed || b.isClosed,
    additional: both(a.additional, b.additional),
    required: a.required.union(b.required),
    minProperties: Math.max(a.minProperties, b.minProperties),
    maxProperties: Math.min(a.maxProperties, b.maxProperties),
  };
}

/** Gives the schemas of an item. */
function itemOf({ prefix, rest }: Facts, index: number): Conjunction {
  return prefix[index] ?? rest ?? [];
}

/** Gives the schemas of a property. */
export function propertyOf({ properties, additional }: Facts, name: string): Conjunction {
  return properties.get(name) ?? additional ?? [];
}

/** Gives the type of a value of JSON. */
export function typeOf(value: unknown): TypeName {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  if (typeof value === 'string') return 'string';
  return typeof value === 'boolean' ? 'boolean' : 'object';
}

/** Tells whether types have a value's type in them. */
export function includesType(types: ReadonlySet<TypeName>, type: TypeName): boolean {
  return types.has(type) || (type === 'integer' && types.has('number'));
}

/** Gives the same text for values that are equal as JSON. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    isJsonObject(each) ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1))) : each,
  );
}

function joinTypes(a: ReadonlySet<TypeName>, b: ReadonlySet<TypeName>): ReadonlySet<TypeName> {
  return new Set(TYPES.filter((type) => includesType(a, type) && includesType(b, type)));
}

/** Joins two lists of values: those that are in both. */
export function joinValues(a: Facts['values'], b: Facts['values']): Facts['values'] {
  if (a === null || b === null) return a ?? b;
  const known = new Set(b.value.map(canonical));
  return { value: a.value.filter((value) => known.has(canonical(value))), path: b.path };
}

/** @param sign 1 for lower bounds, −1 for upper ones. */
function tighter(a: Bound | null, b: Bound | null, sign: 1 | -1): Bound | null {
  if (a === null || b === null) return a ?? b;
  if (a.value === b.value) return a.isExclusive ? a : b;
  return sign * a.value > sign * b.value ? a : b;
}

function only(keyword: string, a: Stated<string> | null, b: Stated<string> | null): Stated<string> | null {
  if (a === null || b === null || a.value === b.value) return a ?? b;
  throw new UnsupportedSchemaError(
    b.path,
    keyword,
    `is ${quote(b.value)} beside ${quote(a.value)}: a mask can hold one`,
  );
}

function both(a: Conjunction | null, b: Conjunction | null): Conjunction | null {
  return a === null || b === null ? (a ?? b) : [...a, ...b];
}
