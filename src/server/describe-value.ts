// Values of calls in errors: an error tells of a text of the caller its length only.
import { count } from '../util/count.ts';
import { quote } from '../util/quote.ts';

/** Names whose values are texts of callers. */
const PRIVATE = new Set(['prompt', 'content', 'text', 'input', 'instructions', 'messages', 'stop', 'suffix', 'user']);

/** Describes the value of a parameter, or of a field of one, by that name. */
export function describeValue(name: string, value: unknown): string {
  if (typeof value === 'string' && PRIVATE.has(name))
    return value === '' ? 'empty' : `a text of ${count(value.length, 'character')}`;
  if (Array.isArray(value)) return value.length === 0 ? 'empty' : `a list of ${value.length}`;
  return quote(value);
}
