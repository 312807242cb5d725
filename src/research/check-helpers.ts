// Checks that the helpers share: of the model, and of numbers that a function of the caller's gives.
import { RangeValueError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';
import { type Check, type Checks, checkOptions } from '../util/option-checks.ts';
import { isTexts } from './check-ids.ts';
import { TextModel } from './text-model.ts';

/** Accepts any list: the model checks what is in it. */
export const list: Check = { expected: 'an array', accepts: Array.isArray };

/**
 * Checks the arguments of a helper but for its ids, which the model checks.
 *
 * @param name that of the helper.
 * @throws RangeValueError for anything but a model of `loadTextModel`, an unknown option, and one of another type.
 */
export function checkHelper<T>(name: string, model: unknown, options: T, checks: Checks<T>): T {
  if (!(model instanceof TextModel)) {
    const isLoaded = isRecord(model) && 'model' in model && model.model instanceof TextModel;
    throw new RangeValueError(
      'model',
      model,
      isLoaded ? 'its property `model`' : 'a model; loadTextModel has one as `model`',
    );
  }
  checkOptions(`options of ${name}`, options, checks);
  return options;
}

/** @throws RangeValueError for several texts; the model checks one. */
export function checkOneText(ids: unknown): void {
  if (isTexts(ids)) throw new RangeValueError('ids', ids, 'one text, not several');
}

/** Returns the score that a metric gives. @throws RangeValueError for anything but a finite number. */
export function checkScore(where: string, score: unknown): number {
  if (typeof score === 'number' && Number.isFinite(score)) return score;
  throw new RangeValueError(`metric ${where}`, score, 'a finite number');
}

/** Returns layers as they are asked for, or all. @throws RangeValueError for one that the model does not have, and for none. */
export function checkLayers(layers: readonly number[] | undefined, numLayers: number): readonly number[] {
  return checkNumbers('layers', layers, numLayers);
}

/** Returns numbers below `end` as they are asked for, or all. @throws RangeValueError for another, one that is there twice, and none. */
export function checkNumbers(what: string, numbers: readonly number[] | undefined, end: number): readonly number[] {
  if (numbers === undefined) return Array.from({ length: end }, (_, i) => i);
  for (const [i, number] of Array.from(numbers).entries()) {
    if (Number.isInteger(number) && number >= 0 && number < end) continue;
    throw new RangeValueError(`${what}[${i}]`, number, `an integer in [0, ${end})`);
  }
  if (numbers.length > 0 && new Set(numbers).size === numbers.length) return [...numbers];
  throw new RangeValueError(what, numbers, 'at least one, and none of them twice');
}
