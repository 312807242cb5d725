// Rows of the residual stream that a caller hands in: a tensor as it is, or numbers, which get a tensor for one call.
import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import { RangeValueError } from '../util/errors.ts';

/** Rows [R, C], and the tensor to close after use, where one was made. */
export interface HiddenRows {
  readonly rows: Tensor;
  readonly owned: Tensor | null;
}

/** Returns rows of C numbers as a tensor. @throws RangeValueError for what is neither, no rows, another width, and a tensor that was closed or is on another device. */
export function hiddenRows(device: Device, hidden: Tensor | Float32Array, C: number): HiddenRows {
  if (hidden instanceof Float32Array) {
    const R = hidden.length / C;
    if (!(Number.isInteger(R) && R >= 1))
      throw new RangeValueError('length of hidden', hidden.length, `a positive multiple of the ${C} numbers of a row`);
    const owned = Tensor.from(device, 'hidden', hidden, [R, C]);
    return { rows: owned, owned };
  }
  if (!(hidden instanceof Tensor)) throw new RangeValueError('hidden', hidden, 'a tensor or a Float32Array of rows');
  const { dtype, shape } = hidden;
  const isRows = dtype === 'f32' && shape.length === 2 && shape[1] === C && hidden.length > 0;
  if (!device.isLive(hidden.range.buffer))
    throw new RangeValueError('hidden', hidden.label, "a tensor of the model's device that is not closed");
  if (!isRows) throw new RangeValueError('hidden', `${dtype}[${shape}]`, `f32[R, ${C}] with R ≥ 1`);
  return { rows: hidden, owned: null };
}
