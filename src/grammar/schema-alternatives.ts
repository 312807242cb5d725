// A schema as a list of facts of which one holds: references are followed, parts of `allOf` joined, and those of `anyOf` and
// `oneOf` listed. `oneOf` needs parts that no value fits twice, which is shown by facts alone.
import { isJsonObject } from '../util/json.ts';
import { quote } from '../util/quote.ts';
import { UnsupportedSchemaError } from './errors.ts';
import { checkKeywords, readFacts } from './read-facts.ts';
import { MAX_SCHEMA_DEPTH, type Place, placeIn, resolveReference, tooMuch } from './schema-document.ts';
import {
  type Conjunction,
  canonical,
  type Facts,
  includesType,
  joinFacts,
  NO_FACTS,
  propertyOf,
  TYPES,
  type TypeName,
  typeOf,
} from './schema-facts.ts';

/** Joined schemas of a whole document, at most. */
const MAX_JOINED = 20_000;
/** Properties within properties by which parts of `oneOf` are told apart. */
const MAX_APART_DEPTH = 4;

/** Reader of a document's schemas. */
export class SchemaAlternatives {
  readonly #root: unknown;
  #numJoined = 0;

  /** @param root The whole document, which was checked. */
  constructor(root: unknown) {
    this.#root = root;
  }

  /**
   * Lists what a value may be that fits some schemas at once; nothing where no value does.
   *
   * @throws UnsupportedSchemaError for what is not supported.
   */
  of(schemas: Conjunction): Facts[] {
    return this.#ofAll(schemas, new Set());
  }

  /** @param open The schemas that are being read. */
  #ofAll(schemas: Conjunction, open: ReadonlySet<unknown>): Facts[] {
    return schemas.reduce<Facts[]>((facts, place) => this.#join(facts, this.#ofOne(place, open), place), [NO_FACTS]);
  }

  #ofOne(place: Place, open: ReadonlySet<unknown>): Facts[] {
    const { schema, path } = place;
    if (schema === true) return [NO_FACTS];
    if (schema === false) return [];
    if (!isJsonObject(schema)) throw new UnsupportedSchemaError(path, null, `is ${quote(schema)}, expected a schema`);
    if (open.has(schema)) throw new UnsupportedSchemaError(path, '$ref', 'comes back to itself before any value');
    if (open.size > MAX_SCHEMA_DEPTH) throw tooMuch(path, '$ref', 'references in a row', MAX_SCHEMA_DEPTH);
    const within = new Set(open).add(schema);
    checkKeywords(schema, path);
    let facts = [readFacts(schema, place)];
    if (schema.propertyNames !== undefined) facts = this.#join(facts, [this.#ofNames(place, within)], place);
    if (schema.$ref !== undefined) {
      const target = resolveReference(this.#root, schema.$ref, path);
      facts = this.#join(facts, this.#ofOne(target, within), place);
    }
    for (const part of listOf(place, 'allOf')) facts = this.#join(facts, this.#ofOne(part, within), place);
    for (const keyword of ['anyOf', 'oneOf']) {
      const parts = listOf(place, keyword);
      if (parts.length === 0) continue;
      const options = parts.map((part) => this.#join(facts, this.#ofOne(part, within), part));
      if (keyword === 'oneOf') this.#checkApart(options, parts);
      facts = options.flat();
    }
    return facts;
  }

  /** Reads `propertyNames`: all names, or some of which each is a property of any value. */
  #ofNames(place: Place, open: ReadonlySet<unknown>): Facts {
    const names = placeIn(place, 'propertyNames');
    const ofTexts = this.#ofOne(names, open).filter(({ types }) => types.has('string'));
    if (ofTexts.some(({ spokenOf }) => spokenOf.has('string')))
      throw new UnsupportedSchemaError(
        place.path,
        'propertyNames',
        'is supported for a list of names and for any text',
      );
    if (ofTexts.some(({ values }) => values === null)) return NO_FACTS;
    const listed = ofTexts.flatMap(({ values }) => values?.value.filter((value) => typeof value === 'string') ?? []);
    const properties = new Map(listed.map((name) => [name, []]));
    return { ...NO_FACTS, properties, isClosed: true, additional: [{ ...names, schema: false }] };
  }

  #join(a: readonly Facts[], b: readonly Facts[], { path }: Place): Facts[] {
    this.#numJoined += a.length * b.length;
    if (this.#numJoined > MAX_JOINED) throw tooMuch(path, null, 'schemas joined with others', MAX_JOINED);
    return a.flatMap((first) => b.map((second) => joinFacts(first, second)));
  }

  #checkApart(options: readonly (readonly Facts[])[], parts: readonly Place[]): void {
    for (const [index, facts] of options.entries()) {
      for (const [other, others] of options.slice(0, index).entries()) {
        if (facts.every((a) => others.every((b) => this.#areApart(a, b, 0)))) continue;
        const { path } = parts[index] ?? { path: '#' };
        const problem = `has a part that fits a value of part ${other}, or may, and a mask cannot rule that out: write anyOf, or give each a required property with a const of its own`;
        throw new UnsupportedSchemaError(path, 'oneOf', problem);
      }
    }
  }

  /** Tells whether facts show that no value has both. */
  #areApart(a: Facts, b: Facts, depth: number): boolean {
    return TYPES.every((type) => {
      if (!includesType(a.types, type) || !includesType(b.types, type)) return true;
      if (a.values !== null || b.values !== null) return areValuesApart(a, b, type);
      if (type === 'integer' || type === 'number') return areRangesApart(a, b) || areRangesApart(b, a);
      if (type === 'string') return a.minLength > b.maxLength || b.minLength > a.maxLength;
      if (type === 'array') return a.minItems > b.maxItems || b.minItems > a.maxItems;
      return type === 'object' && this.#areObjectsApart(a, b, depth);
    });
  }

  #areObjectsApart(a: Facts, b: Facts, depth: number): boolean {
    if (a.minProperties > b.maxProperties || b.minProperties > a.maxProperties) return true;
    if (depth === MAX_APART_DEPTH) return false;
    return Array.from(a.required.union(b.required)).some((name) => {
      const [mine, theirs] = [propertyOf(a, name), propertyOf(b, name)];
      const isNeeded = a.required.has(name) && b.required.has(name);
      if (!isNeeded && !this.#isBarred(a.required.has(name) ? theirs : mine)) return false;
      const others = this.of(theirs);
      return this.of(mine).every((first) => others.every((second) => this.#areApart(first, second, depth + 1)));
    });
  }

  #isBarred(schemas: Conjunction): boolean {
    return schemas.some(({ schema }) => schema === false);
  }
}

function areValuesApart(a: Facts, b: Facts, type: TypeName): boolean {
  const of = ({ values }: Facts) => values?.value.filter((value) => typeOf(value) === type);
  const [mine, theirs] = [of(a), of(b)];
  if (mine === undefined || theirs === undefined) return (mine ?? theirs)?.length === 0;
  const known = new Set(theirs.map(canonical));
  return !mine.some((value) => known.has(canonical(value)));
}

function areRangesApart({ low }: Facts, { high }: Facts): boolean {
  if (low === null || high === null) return false;
  return low.value > high.value || (low.value === high.value && (low.isExclusive || high.isExclusive));
}

function listOf(place: Place, keyword: string): Place[] {
  const { schema, path } = place;
  const parts: unknown = isJsonObject(schema) && Object.hasOwn(schema, keyword) ? schema[keyword] : undefined;
  if (parts === undefined) return [];
  if (Array.isArray(parts) && parts.length > 0) return parts.map((_, index) => placeIn(place, keyword, index));
  throw new UnsupportedSchemaError(path, keyword, `is ${quote(parts)}, expected a list of schemas`);
}
