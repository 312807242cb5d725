// The ids that a caller hands the research model, checked whole before any GPU work: one out of range would read past a
// table.

import type { ModelConfig } from '../models/config.ts';
import { RangeValueError } from '../util/errors.ts';
import { checkValue, tokenId } from '../util/option-checks.ts';

/**
 * Checks a text of ids.
 *
 * @param what names it in the errors, e.g. `ids`.
 * @param counts the least and the most ids that it may have.
 * @throws RangeValueError for no array, another number of ids, and an id that is not in the vocabulary.
 */
export function checkIds(
  what: string,
  ids: readonly number[],
  { vocabSize }: ModelConfig,
  { least, most }: { readonly least: number; readonly most: number },
): void {
  if (!Array.isArray(ids)) throw new RangeValueError(what, ids, 'an array of ids');
  checkInteger(`number of ${what}`, ids.length, least, most);
  for (const [index, id] of ids.entries()) checkId(`${what}[${index}]`, id, vocabSize);
}

/** Checks one id. @throws RangeValueError unless it is in the vocabulary. */
export function checkId(what: string, id: number, vocabSize: number): void {
  checkValue(what, id, tokenId(vocabSize));
}

/** @throws RangeValueError unless the value is an integer from `least` to `most`. */
export function checkInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const expected = least <= most ? `an integer in [${least}, ${most}]` : `room for ${least}, but there is none`;
  throw new RangeValueError(name, value, expected);
}

/** Tells several texts from one: a text has no arrays in it. */
export function isTexts(texts: unknown): texts is readonly (readonly number[])[] {
  return Array.isArray(texts) && texts.some((ids) => Array.isArray(ids));
}
