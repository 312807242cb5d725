// A JSON Schema as a document: it is walked once, so that nothing later meets another value than JSON's, or more of them than
// there is time for; references are found in it.
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { quote } from '../util/quote.ts';
import { UnsupportedSchemaError } from './errors.ts';

/** Schemas within each other, at most. */
export const MAX_SCHEMA_DEPTH = 64;
/** Values of an `enum`, at most. */
const MAX_ENUM = 10_000;
/** Values in a schema, at most. */
const MAX_SCHEMA_VALUES = 100_000;

/** A schema and where it stands. */
export interface Place {
  readonly schema: unknown;
  /** JSON Pointer in a fragment. */
  readonly path: string;
}

/** Keywords whose value holds schemas and is none. */
const HOLDERS = new Set(['properties', '$defs', 'definitions', 'allOf', 'anyOf', 'oneOf', 'prefixItems']);

/** Gives a place inside a place. */
export function placeIn({ schema, path }: Place, ...keys: readonly (string | number)[]): Place {
  let value = schema;
  for (const key of keys) value = isJsonObject(value) || Array.isArray(value) ? Reflect.get(value, key) : undefined;
  const steps = keys.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`);
  return { schema: value, path: `${path}${steps.join('')}` };
}

/**
 * Checks that a schema is JSON of bounded size and depth.
 *
 * @throws UnsupportedSchemaError with the path and the limit.
 */
export function checkDocument(root: unknown): void {
  let numValues = 0;
  const visit = (place: Place, depth: number, keyword: string | null): void => {
    const { schema: value, path } = place;
    if (++numValues > MAX_SCHEMA_VALUES) throw tooMuch(path, null, 'values of the schema', MAX_SCHEMA_VALUES);
    if (depth > MAX_SCHEMA_DEPTH) throw tooMuch(path, null, 'schemas within each other', MAX_SCHEMA_DEPTH);
    if (Array.isArray(value)) {
      if (keyword === 'enum' && value.length > MAX_ENUM) throw tooMuch(parentOf(path), 'enum', 'values', MAX_ENUM);
      for (let index = 0; index < value.length; index++)
        visit(placeIn(place, index), depth + (HOLDERS.has(keyword ?? '') ? 0 : 1), null);
    } else if (isPlain(value)) {
      // Keys of a holder are names, and no keywords.
      const isHolder = HOLDERS.has(keyword ?? '');
      for (const key of Object.keys(value))
        if (value[key] !== undefined) visit(placeIn(place, key), depth + (isHolder ? 0 : 1), isHolder ? null : key);
    } else if (!isScalar(value)) {
      throw new UnsupportedSchemaError(path, null, `is ${quote(value)}, expected a value of JSON`);
    }
  };
  visit({ schema: root, path: '#' }, 0, null);
}

/**
 * Finds the schema that a `$ref` names.
 *
 * @throws UnsupportedSchemaError for one that is not within the document.
 */
export function resolveReference(root: unknown, reference: unknown, path: string): Place {
  const refuse = (problem: string) => new UnsupportedSchemaError(path, '$ref', `is ${quote(reference)}, ${problem}`);
  if (typeof reference !== 'string') throw refuse('expected a text');
  if (reference === '#') return { schema: root, path: '#' };
  if (!reference.startsWith('#')) throw refuse('which is another document: copy it to $defs');
  if (!reference.startsWith('#/')) throw refuse('expected a path: #/$defs/name');
  let place: Place = { schema: root, path: '#' };
  for (const step of reference.slice(2).split('/')) {
    const key = decoded(step)?.replaceAll('~1', '/').replaceAll('~0', '~');
    const { schema } = place;
    const has = key !== undefined && (isJsonObject(schema) || Array.isArray(schema)) && Object.hasOwn(schema, key);
    if (!has) throw refuse('which is not there');
    place = placeIn(place, key);
  }
  return place;
}

/** Makes the error of a limit. */
export function tooMuch(path: string, keyword: string | null, subject: string, limit: number): UnsupportedSchemaError {
  return new UnsupportedSchemaError(path, keyword, `has more than ${limit} ${subject}`, limit);
}

function isPlain(value: unknown): value is JsonObject {
  if (!isJsonObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function isScalar(value: unknown): boolean {
  return value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function decoded(step: string): string | undefined {
  try {
    return decodeURIComponent(step);
  } catch {
    return undefined;
  }
}
