// Numbers that a caller puts in the place of a tensor's: as many, and all finite, for one NaN makes NaN of every logit.
import { RangeValueError } from '../util/errors.ts';
import { numElements } from '../util/math.ts';

/**
 * Checks numbers for a tensor of a shape.
 *
 * @param what names their source in the errors.
 * @throws RangeValueError for what is no Float32Array, another number of numbers, and one that is not finite.
 */
export function checkValues(what: string, values: unknown, shape: readonly number[]): asserts values is Float32Array {
  const length = numElements(shape);
  const expected = `a Float32Array of ${length} numbers for [${shape.join(', ')}]`;
  if (!(values instanceof Float32Array)) throw new RangeValueError(what, values, expected);
  if (values.length !== length) throw new RangeValueError(`length of ${what}`, values.length, expected);
  const broken = values.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) throw new RangeValueError(`element ${broken} of ${what}`, values[broken], 'a finite number');
}
