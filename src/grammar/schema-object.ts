// Objects of a schema: properties in its order, each there or not, then free keys. A rule stands for the properties that are
// left and the number of those that were written, as far as a comma or a bound depends on it.
import { type CharacterSet, charactersOf, intersectSets, subtractSet } from './character-set.ts';
import { UnsupportedSchemaError } from './errors.ts';
import { character, choice, EMPTY, type Expression, NOTHING, repeat, sequence, text } from './expression.ts';
import { bracketed, COLON, COMMA, literal, PLAIN, STRING_CHARACTER } from './json-texts.ts';
import { tooMuch } from './schema-document.ts';
import { type Facts, propertyOf } from './schema-facts.ts';
import type { SchemaRules } from './schema-rules.ts';

/** Properties times counted keys of an object, at most. */
const MAX_STATES = 20_000;

/** Characters in which a free key may agree with a property's name, at most. */
const MAX_COMPARED = 200;

/** A key and its value. */
interface Member {
  readonly expression: Expression;
  readonly isRequired: boolean;
}

/**
 * Makes the expression of the objects that facts allow.
 *
 * @throws UnsupportedSchemaError for a number of keys that could not be counted.
 */
export function objectExpression(facts: Facts, path: string, rules: SchemaRules): Expression {
  const { properties, required, minProperties } = facts;
  const names = [...properties.keys(), ...required.difference(properties)];
  const members = names.map((name): Member => {
    const value = rules.valueOf(propertyOf(facts, name));
    return { expression: sequence(literal(name), COLON, value), isRequired: required.has(name) };
  });
  const free = freeMember(facts, names, rules);
  if (free !== null && minProperties > Math.max(1, required.size)) {
    const problem = `is ${minProperties}: free keys may repeat; it needs as many required ones, or additionalProperties: false`;
    throw new UnsupportedSchemaError(path, 'minProperties', problem);
  }
  if (free === null && facts.additional === null && minProperties > names.length) {
    const problem = `is ${minProperties} beside ${names.length} properties: other keys need additionalProperties`;
    throw new UnsupportedSchemaError(path, 'minProperties', problem);
  }
  const states = new ObjectStates(facts, path, members, free, rules);
  return bracketed('{', states.from(0, 0), '}');
}

/** States of an object that is being written. */
class ObjectStates {
  readonly #members: readonly Member[];
  readonly #free: Expression | null;
  readonly #rules: SchemaRules;
  readonly #least: number;
  readonly #most: number;
  /** Keys beyond which the count no longer matters. */
  readonly #counted: number;
  readonly #known = new Map<string, Expression>();

  constructor(facts: Facts, path: string, members: readonly Member[], free: Expression | null, rules: SchemaRules) {
    const { minProperties, maxProperties, required } = facts;
    this.#members = members.map(({ expression, isRequired }) => ({ expression: rules.add(expression), isRequired }));
    this.#free = free;
    this.#rules = rules;
    this.#least = minProperties <= required.size ? 0 : minProperties;
    this.#most = free === null && maxProperties >= members.length ? Number.POSITIVE_INFINITY : maxProperties;
    this.#counted = Math.max(1, this.#least, Number.isFinite(this.#most) ? this.#most : 0);
    if (this.#counted * (members.length + 1) > MAX_STATES)
      throw tooMuch(path, 'maxProperties', 'properties times counted keys', MAX_STATES);
  }

  /** Gives the expression of the members from one on, after `count` keys. */
  from(index: number, count: number): Expression {
    // A chain of rules is built from its end: a call for each property would be as deep as there are properties.
    for (let start = this.#members.length; start >= index; start--)
      for (let keys = this.#counted; keys >= 0; keys--) this.#state(start, keys);
    return this.#state(index, count);
  }

  #state(index: number, count: number): Expression {
    const key = `${index} ${count}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const { expression, set } = this.#rules.reserve();
    this.#known.set(key, expression);
    set(choice(...this.#options(index, count)));
    return expression;
  }

  #options(index: number, count: number): Expression[] {
    const member = this.#members[index];
    const isLast = member === undefined;
    const next = isLast ? this.#free : member.expression;
    const options: Expression[] = [];
    if (isLast && count >= this.#least) options.push(EMPTY);
    if (member !== undefined && !member.isRequired) options.push(this.#state(index + 1, count));
    if (next !== null && count < this.#most) {
      const following = this.#state(isLast ? index : index + 1, Math.min(count + 1, this.#counted));
      options.push(sequence(count === 0 ? EMPTY : COMMA, next, following));
    }
    return options;
  }
}

/** Makes the expression of a key that no property has, and its value; null where there are no such keys. */
function freeMember(facts: Facts, names: readonly string[], rules: SchemaRules): Expression | null {
  const { additional, isClosed } = facts;
  if (additional === null && isClosed) return null;
  const value = rules.valueOf(additional ?? []);
  if (value === NOTHING) return null;
  return rules.add(sequence(text('"'), otherKey(names, rules), COLON, value));
}

/** Makes the expression of what follows the quotation mark of a key that is none of some names. */
function otherKey(names: readonly string[], rules: SchemaRules): Expression {
  if (names.length === 0) return sequence(repeat(STRING_CHARACTER, 0), text('"'));
  const ending = rules.add(sequence(repeat(STRING_CHARACTER, 0), text('"')));
  const after = (suffixes: readonly string[][], depth: number): Expression => {
    if (depth === MAX_COMPARED && suffixes.some((suffix) => suffix.length > 0)) return NOTHING;
    const branches = Map.groupBy(
      suffixes.filter((suffix) => suffix.length > 0),
      ([first = '']) => first,
    );
    const known: CharacterSet = charactersOf([...branches.keys()].join(''));
    const isName = suffixes.some((suffix) => suffix.length === 0);
    const options = Array.from(branches, ([first, longer]) => {
      // A character that needs an escape is never written here, so no name goes on after it.
      if (intersectSets(charactersOf(first), PLAIN).length === 0) return NOTHING;
      return sequence(
        text(first),
        after(
          longer.map((suffix) => suffix.slice(1)),
          depth + 1,
        ),
      );
    });
    const others = sequence(character(subtractSet(PLAIN, known)), ending);
    return rules.add(choice(others, ...options, ...(isName ? [] : [text('"')])));
  };
  return after(
    names.map((name) => Array.from(name)),
    0,
  );
}
