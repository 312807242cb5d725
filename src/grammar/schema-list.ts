// Lists of a schema: the items of the prefix one by one, then the rest in a row.

import { UnsupportedSchemaError } from './errors.ts';
import { choice, EMPTY, type Expression, NOTHING, optional, repeat, sequence, text } from './expression.ts';
import { bracketed, COMMA } from './json-texts.ts';
import type { Facts } from './schema-facts.ts';
import type { SchemaRules } from './schema-rules.ts';

/**
 * Makes the expression of the lists that facts allow.
 *
 * @throws UnsupportedSchemaError for items that would have to differ.
 */
export function listExpression(facts: Facts, path: string, rules: SchemaRules): Expression {
  const { prefix, rest, minItems, isUnique } = facts;
  const isEnded = rest === null && prefix.length > 0;
  const maxItems = isEnded ? Math.min(facts.maxItems, Math.max(prefix.length, minItems)) : facts.maxItems;
  if (isUnique && maxItems > 1)
    throw new UnsupportedSchemaError(
      path,
      'uniqueItems',
      'is true: a mask cannot compare items; it needs maxItems of 1',
    );
  if (minItems > maxItems) return NOTHING;
  const numPrefix = Math.min(prefix.length, maxItems);
  const item = rules.valueOf(rest ?? []);
  // From the last item to the first, so that each knows what may follow it.
  let tail = repeat(sequence(COMMA, item), Math.max(0, minItems - numPrefix), maxItems - numPrefix);
  if (numPrefix === 0) {
    if (maxItems === 0) return text('[]');
    const some = sequence(item, repeat(sequence(COMMA, item), Math.max(0, minItems - 1), maxItems - 1));
    return bracketed('[', minItems === 0 ? optional(some) : some, ']');
  }
  for (let index = numPrefix - 1; index >= 0; index--) {
    const value = rules.valueOf(prefix[index] ?? []);
    const whole = sequence(index === 0 ? EMPTY : COMMA, value, tail);
    tail = rules.add(index < minItems ? whole : choice(whole, EMPTY));
  }
  return bracketed('[', tail, ']');
}
