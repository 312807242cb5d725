// Random JSON Schemas of what is enforced, and judges of outputs that share no code with the grammars.
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { FORMATS } from '../../../src/grammar/formats.ts';

/** Strict mode, with its parts that only log left out. By default Ajv takes what objects inherit for properties: `constructor`. */
const JUDGE = {
  ...{ strict: true, strictTypes: false, strictTuples: false, strictRequired: false },
  ownProperties: true,
} as const;

/** Makes the judge of a schema by Ajv: of draft 2020-12, or of draft 7 where lists of `items` are meant, of which some are older. */
export function judgeOf(schema: unknown, isDraft7 = false): (text: string) => boolean {
  const ajv = isDraft7 ? new Ajv({ ...JUDGE, strictSchema: false, validateSchema: false }) : new Ajv2020(JUDGE);
  formats.default(ajv);
  const fits = ajv.compile(typeof schema === 'boolean' ? schema : Object(schema));
  return (text) => {
    try {
      return fits(JSON.parse(text)) === true;
    } catch {
      return false;
    }
  };
}

/** Draws a schema whose keywords are all enforced. */
export function randomSchema(random: () => number, depth = 3): unknown {
  const below = (count: number) => Math.floor(random() * count);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;
  const inner = () => randomSchema(random, depth - 1);
  const kinds = ['string', 'length', 'pattern', 'format', 'integer', 'range', 'decimals', 'boolean', 'enum', 'types'];
  const kind = pick(
    depth > 0 ? [...kinds, 'object', 'object', 'free', 'list', 'tuple', 'anyOf', 'oneOf', 'allOf', 'ref'] : kinds,
  );
  const low = below(300) - 150;
  switch (kind) {
    case 'string':
      return pick<unknown>([
        { type: 'string', title: 'any text' },
        { type: 'string', maxLength: 60 },
      ]);
    case 'length':
      return { type: 'string', minLength: below(4), maxLength: 4 + below(20) };
    case 'pattern':
      return {
        type: 'string',
        pattern: pick([
          '^[a-z]{2,5}$',
          '^\\d{3}-\\d+$',
          '^(?:red|green|"blue")$',
          '^[^\\s]{1,12}$',
          '^the end$',
          '^\\w{1,9}@[a-z]{1,9}\\.com$',
        ]),
      };
    case 'format':
      return { type: 'string', format: pick([...FORMATS.keys()]) };
    case 'integer':
      return { type: pick(['integer', 'number']) };
    case 'range':
      return { type: 'integer', minimum: low, exclusiveMaximum: low + 1 + below(2000) };
    case 'decimals':
      return { type: 'number', exclusiveMinimum: low / 8, maximum: low / 8 + 1 + below(50) / 4 };
    case 'boolean':
      return { type: pick(['boolean', 'null']) };
    case 'enum':
      return {
        enum: Array.from({ length: 1 + below(6) }, (_, index) =>
          pick<unknown>([`v${index}`, index, null, true, { a: [index] }, 'é"\\\n']),
        ),
      };
    case 'types':
      return { type: ['string', 'integer', 'null'], maximum: below(100) };
    case 'object': {
      const names = ['a', 'name', 'é', 'with "quotes"', 'e'].filter(() => random() < 0.6);
      const properties = Object.fromEntries(names.map((name) => [name, inner()]));
      return { type: 'object', properties, required: names.filter(() => random() < 0.6), additionalProperties: false };
    }
    case 'free':
      return {
        type: 'object',
        properties: { id: inner(), ideal: { type: 'null' } },
        additionalProperties: inner(),
        maxProperties: 1 + below(4),
      };
    case 'list':
      return { type: 'array', items: inner(), minItems: below(3), maxItems: 3 + below(3) };
    case 'tuple':
      return {
        type: 'array',
        prefixItems: [inner(), inner()],
        items: pick<unknown>([false, { type: 'integer' }]),
        minItems: below(3),
        maxItems: 5,
      };
    case 'anyOf':
      return { anyOf: [inner(), inner()] };
    case 'oneOf': {
      const part = (name: string) => ({
        type: 'object',
        properties: { kind: { const: name }, value: inner() },
        required: ['kind', 'value'],
      });
      return { oneOf: [part('one'), part('two'), { type: 'string', maxLength: 5 }] };
    }
    case 'allOf':
      return {
        allOf: [
          { type: 'object', properties: { x: inner() }, required: ['x'] },
          { properties: { y: inner() }, required: ['y'] },
        ],
      };
    default:
      // A reference counts from the top, where `withDefinitions` puts what it names.
      return { needsNode: true };
  }
}

/** Puts definitions at the top of a schema in which places for them were drawn. */
export function withDefinitions(schema: unknown): unknown {
  let isNeeded = false;
  const settled: unknown = JSON.parse(JSON.stringify(schema), (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('needsNode' in value)) return value;
    isNeeded = true;
    return { $ref: '#/$defs/node' };
  });
  if (!isNeeded) return settled;
  const next = { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] };
  const node = { type: 'object', properties: { next, value: { type: 'integer' } }, required: ['next'] };
  return { $defs: { node }, allOf: [settled] };
}
