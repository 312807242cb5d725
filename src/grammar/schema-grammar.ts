// The grammar of a JSON Schema: a rule for each set of schemas that hold at one place, so that recursion ends by name. A rule's
// texts are JSON with little white space, and every one of them fits the schema; not every value that fits has one.
import { checkGrammar } from './check-grammar.ts';
import { GrammarLimitError, GrammarRuleError, GrammarSyntaxError, UnsupportedSchemaError } from './errors.ts';
import { choice, type Expression, type Grammar, NOTHING, repeat, rule, sequence, text } from './expression.ts';
import { FORMATS } from './formats.ts';
import { intersection } from './intersection.ts';
import {
  ANY,
  ANY_LIST,
  ANY_OBJECT,
  characterInString,
  INTEGER,
  JSON_RULES,
  literal,
  NUMBER,
  STRING,
  STRING_CHARACTER,
} from './json-texts.ts';
import { integersBetween, numbersBetween } from './number-ranges.ts';
import { parseRegex } from './parse-regex.ts';
import { SchemaAlternatives } from './schema-alternatives.ts';
import { checkDocument, tooMuch } from './schema-document.ts';
import { type Conjunction, type Facts, includesType, TYPES, type TypeName, typeOf } from './schema-facts.ts';
import { listExpression } from './schema-list.ts';
import { objectExpression } from './schema-object.ts';
import type { Reserved, SchemaRules } from './schema-rules.ts';

/** Rules of schemas in a grammar, at most. */
const MAX_RULES = 10_000;
const ROOT = 'schema0';

/**
 * Makes the grammar of the values that fit a JSON Schema.
 *
 * @throws UnsupportedSchemaError naming the place and the keyword for what could not be enforced, and for a schema that no
 * value fits.
 */
export function schemaGrammar(schema: unknown): Grammar {
  checkDocument(schema);
  const builder = new SchemaGrammarBuilder(schema);
  try {
    return checkGrammar({ rules: builder.build(), root: ROOT }, false);
  } catch (error) {
    if (error instanceof GrammarLimitError)
      throw new UnsupportedSchemaError('#', null, `is too large: ${error.message}`, error.limit, error);
    if (error instanceof GrammarRuleError)
      throw new UnsupportedSchemaError('#', null, 'is one that no value fits, or none that is written', null, error);
    throw error;
  }
}

class SchemaGrammarBuilder implements SchemaRules {
  readonly #root: unknown;
  readonly #alternatives: SchemaAlternatives;
  readonly #rules = new Map<string, Expression>(JSON_RULES);
  /** Schema → number, for the names of sets of schemas. */
  readonly #numbers = new Map<unknown, number>();
  readonly #names = new Map<string, string>();
  readonly #waiting: { readonly name: string; readonly schemas: Conjunction }[] = [];
  #numAdded = 0;

  constructor(root: unknown) {
    this.#root = root;
    this.#alternatives = new SchemaAlternatives(root);
  }

  build(): ReadonlyMap<string, Expression> {
    const root = { schema: this.#root, path: '#' };
    this.valueOf([root]);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { name, schemas } = next;
      this.#rules.set(name, choice(...this.#alternatives.of(schemas).map((facts) => this.#ofFacts(facts, schemas))));
    }
    // The root is a rule of its own even where any value fits.
    if (!this.#rules.has(ROOT)) this.#rules.set(ROOT, this.#root === false ? NOTHING : ANY);
    return this.#rules;
  }

  valueOf(schemas: Conjunction): Expression {
    if (schemas.some(({ schema }) => schema === false)) return NOTHING;
    const telling = schemas.filter(({ schema }) => schema !== true);
    if (telling.length === 0) return ANY;
    const key = [...new Set(telling.map(({ schema }) => this.#numberOf(schema)))].sort((a, b) => a - b).join();
    const known = this.#names.get(key);
    if (known !== undefined) return rule(known);
    const name = `schema${this.#names.size}`;
    const path = telling[0]?.path ?? '#';
    if (this.#names.size === MAX_RULES) throw tooMuch(path, null, 'schemas', MAX_RULES);
    this.#names.set(key, name);
    this.#waiting.push({ name, schemas: telling });
    return rule(name);
  }

  add(expression: Expression): Expression {
    const reserved = this.reserve();
    reserved.set(expression);
    return reserved.expression;
  }

  reserve(): Reserved {
    const name = `part${this.#numAdded++}`;
    return { expression: rule(name), set: (expression) => void this.#rules.set(name, expression) };
  }

  #numberOf(schema: unknown): number {
    const number = this.#numbers.get(schema) ?? this.#numbers.size;
    this.#numbers.set(schema, number);
    return number;
  }

  #ofFacts(facts: Facts, schemas: Conjunction): Expression {
    if (facts.values !== null) return this.#ofValues(facts, facts.values);
    const { types, isTyped, spokenOf } = facts;
    const isWanted = (type: TypeName) => isTyped || spokenOf.size === 0 || includesType(spokenOf, type);
    const wanted = TYPES.filter(
      (type) => types.has(type) && isWanted(type) && !(type === 'integer' && types.has('number')),
    );
    return choice(...wanted.map((type) => this.#ofType(type, facts, schemas[0]?.path ?? '#')));
  }

  #ofValues({ types, spokenOf }: Facts, { value: values, path }: NonNullable<Facts['values']>): Expression {
    const possible = values.filter((value) => includesType(types, typeOf(value)));
    const bound = possible.find((value) => includesType(spokenOf, typeOf(value)));
    if (bound !== undefined) {
      const problem = `is beside keywords of type ${typeOf(bound)}: list the values that fit them, and leave these out`;
      throw new UnsupportedSchemaError(path, 'enum', problem);
    }
    return choice(...possible.map(literal));
  }

  #ofType(type: TypeName, facts: Facts, path: string): Expression {
    switch (type) {
      case 'null':
        return text('null');
      case 'boolean':
        return choice(text('true'), text('false'));
      case 'integer':
        return facts.low === null && facts.high === null ? INTEGER : integersBetween(facts.low, facts.high);
      case 'number':
        return facts.low === null && facts.high === null ? NUMBER : numbersBetween(facts.low, facts.high);
      case 'string':
        return stringExpression(facts, this);
      case 'array':
        return facts.spokenOf.has('array') ? listExpression(facts, path, this) : ANY_LIST;
      case 'object':
        return facts.spokenOf.has('object') ? objectExpression(facts, path, this) : ANY_OBJECT;
    }
  }
}

function stringExpression({ pattern, format, minLength, maxLength }: Facts, rules: SchemaRules): Expression {
  const isBounded = minLength > 0 || maxLength !== Number.POSITIVE_INFINITY;
  const stated = pattern ?? format;
  if (stated === null && !isBounded) return STRING;
  if (stated === null) {
    if (minLength > maxLength) return NOTHING;
    return sequence(text('"'), repeat(STRING_CHARACTER, minLength, maxLength), text('"'));
  }
  const keyword = pattern === null ? 'format' : 'pattern';
  if (isBounded)
    throw new UnsupportedSchemaError(stated.path, keyword, 'is beside minLength or maxLength: a mask can hold one');
  try {
    const formatted = format && parseRegex(FORMATS.get(format.value) ?? '', inString(false));
    const found = pattern && parseRegex(pattern.value, inString(true));
    const both = formatted && found ? intersection(formatted, found, rules) : (formatted ?? found ?? STRING);
    return sequence(text('"'), both, text('"'));
  } catch (error) {
    if (!(error instanceof GrammarSyntaxError || error instanceof GrammarLimitError)) throw error;
    const limit = error instanceof GrammarLimitError ? error.limit : null;
    throw new UnsupportedSchemaError(stated.path, keyword, `is refused: ${error.message}`, limit, error);
  }
}

function inString(isSearch: boolean) {
  return { subject: 'pattern', isSearch, character: characterInString };
}
