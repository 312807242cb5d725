// The one rule for objects that callers hand in: a key that is not understood is refused with the nearest known name.
import { RangeValueError } from './errors.ts';
import { quote } from './quote.ts';

/** Every key of T, optional ones included; a table that lacks one or has another does not type-check. */
export type KeyTable<T> = { readonly [K in keyof Required<T>]: true };

/** Tells whether a value is an object of named values: no list, and no Map, whose entries are no keys. */
export function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(Symbol.iterator in value);
}

/**
 * Checks that a value is an object of named values and has no other keys, inherited ones included, than those of a table.
 *
 * @param what names the object in the error, e.g. `request`.
 * @throws RangeValueError for anything that is no such object, and for an unknown key, with the nearest known one.
 */
export function checkKeys(what: string, value: unknown, keys: Readonly<Record<string, unknown>>): void {
  if (!isRecord(value)) throw new RangeValueError(what, value, 'an object');
  const known = Object.keys(keys);
  for (const key in value) {
    if (!Object.hasOwn(keys, key)) throw new RangeValueError(`key of ${what}`, key, expectedNames(key, known));
  }
}

/** Says which names are known, and which of them is probably meant: for the end of "expected …". */
export function expectedNames(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? '' : ` (did you mean ${quote(nearest)}?)`;
  return `one of ${known.join(', ')}${hint}`;
}

/**
 * The known name that has all words of `name` in their order, as `max-new-tokens` has those of `max-tokens`; else the one with the
 * fewest edits from it, letter case aside; undefined when more than a third would change.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const words = wordsOf(name);
  if (words.length > 1) {
    const longer = known.filter((each) => hasWords(wordsOf(each), words));
    if (longer.length > 0) return longer.reduce((a, b) => (b.length < a.length ? b : a));
  }
  let nearest: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const each of known) {
    const longest = Math.max(name.length, each.length);
    // A difference in length is a bound from below: names of any length cost no more than the longest known one.
    const most = Math.max(1, Math.floor(longest / 3));
    if (Math.abs(name.length - each.length) > most) continue;
    const edits = editDistance(normalized(name), normalized(each));
    if (edits <= most && edits < fewest) [nearest, fewest] = [each, edits];
  }
  return nearest;
}

/** Splits a name, which may begin with the dashes of a flag. */
function wordsOf(name: string): string[] {
  return name.split(/[-_]+/).filter((word) => word !== '');
}

/** Tells whether these words are among others in the same order. */
function hasWords(others: readonly string[], words: readonly string[]): boolean {
  let found = 0;
  for (const other of others) if (other === words[found]) found++;
  return found === words.length;
}

/** `max_tokens`, `max-tokens` and `maxTokens` are one word. */
function normalized(name: string): string {
  return name.replaceAll(/[-_]/g, '').toLowerCase();
}

/** Levenshtein distance: insertions, deletions and substitutions. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
