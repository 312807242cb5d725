// The parts of a `normalizer`, `pre_tokenizer`, `post_processor` or `decoder` of tokenizer.json: a sequence of parts, one
// part, or none.
import { isJsonObject, type JsonObject } from '../util/json.ts';
import { quoteJson } from '../util/model-file-error.ts';
import { compilePattern } from './split-pattern.ts';
import type { Refuse } from './tokenizer-error.ts';

/**
 * Lists the parts in the order in which they act.
 *
 * @param listName key of a sequence's parts.
 * @throws what `refuse` makes of anything else.
 */
export function partsOf(value: unknown, name: string, listName: string, refuse: Refuse): JsonObject[] {
  if (value === null || value === undefined) return [];
  if (!isJsonObject(value)) throw refuse(name, value, 'an object or null');
  if (value.type !== 'Sequence') return [value];
  const list: unknown = value[listName];
  if (!Array.isArray(list)) throw refuse(`${name} ${listName}`, list, 'a list');
  return list.flatMap((part: unknown) => {
    if (!isJsonObject(part)) throw refuse(name, part, 'an object');
    return partsOf(part, name, listName, refuse);
  });
}

/** Compiles a `pattern`, which is a regular expression or a text to find as it is. */
export function patternOf(pattern: unknown, refuse: Refuse): RegExp {
  const { Regex: regex, String: text } = isJsonObject(pattern) ? pattern : {};
  const source = typeof text === 'string' ? text.replaceAll(/[^\p{L}\p{N}\s]/gu, String.raw`\$&`) : regex;
  if (typeof source !== 'string' || source === '') throw refuse('pattern', pattern, 'a Regex or a String');
  return compilePattern(source, refuse);
}

/** Reads a key that is true or false; it must be there unless it has a default. */
export function flagOf(part: JsonObject, name: string, byDefault: boolean | undefined, refuse: Refuse): boolean {
  const { [name]: value = byDefault } = part;
  if (typeof value !== 'boolean') throw refuse(name, value, 'true or false');
  return value;
}

/** Reads a key that is a text. */
export function textOf(part: JsonObject, name: string, refuse: Refuse): string {
  const value = part[name];
  if (typeof value === 'string') return value;
  throw refuse(`${name} of ${quoteJson(part.type)}`, value, 'a text');
}
