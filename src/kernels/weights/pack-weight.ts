// Packing of a weight by itself, for scripts: the matrix stands in the host's memory as a whole.
import type { Device } from '../../gpu/device.ts';
import { TensorError } from '../../gpu/errors.ts';
import { toData } from '../../gpu/tensor-data.ts';
import { checkKeys, type KeyTable } from '../../util/keys.ts';
import { quote } from '../../util/quote.ts';
import { PackedWeight } from './packed-weight.ts';
import { WEIGHT_ORDERS, type WeightDType, type WeightOrder } from './weight-tiles.ts';

/** Layout of the given matrix, and its storage. */
export interface PackWeightOptions {
  /** Storage; f16 for a Float16Array, else f32. Kernels read it by themselves from the weight. */
  readonly dtype?: WeightDType | undefined;
  /** `kn` (default): rows of N, as x · w reads; `nk`: rows of K, the transpose, as an embedding table is. */
  readonly order?: WeightOrder | undefined;
}

const OPTION_KEYS: KeyTable<PackWeightOptions> = { dtype: true, order: true };

/** Least number that f16 rounds to infinity. */
export const F16_END = 65520;

/** A matrix of numbers on the host. */
export type MatrixSource = Float32Array | Float64Array | Float16Array | readonly number[];

/**
 * A K×N matrix on the GPU as `matmul` and `embed` take weights.
 *
 * @throws TensorError unless the matrix is one of the given types and has K · N elements, for a number that its storage can't
 * hold, and for an unknown storage type or order; RangeValueError for an unknown option.
 */
export function packWeight(
  device: Device,
  label: string,
  matrix: MatrixSource,
  shape: readonly [number, number],
  options: PackWeightOptions = {},
): PackedWeight {
  checkKeys('options of packWeight', options, OPTION_KEYS);
  const { dtype = matrix instanceof Float16Array ? 'f16' : 'f32', order = 'kn' } = options;
  if (!WEIGHT_ORDERS.includes(order)) {
    throw new TensorError(label, `order is ${quote(order)}, expected one of ${WEIGHT_ORDERS.join(', ')}`);
  }
  if (!Array.isArray(shape) || shape.length !== 2) {
    throw new TensorError(label, `shape is ${quote(shape)}, expected [K, N]`);
  }
  const [K, N] = shape;
  const values = toFloats(label, matrix);
  if (values.length !== K * N) {
    throw new TensorError(label, `${values.length} elements, expected ${K * N} for K = ${K}, N = ${N}`);
  }
  const beyond =
    dtype === 'f16' ? values.findIndex((value) => F16_END <= Math.abs(value) && Number.isFinite(value)) : -1;
  if (beyond >= 0) throw new TensorError(label, `element ${beyond} is ${values[beyond]}, beyond f16`);
  const weight = PackedWeight.create(device, label, [K, N], dtype);
  weight.writeColumns(0, N, values, order);
  return weight;
}

function toFloats(label: string, matrix: MatrixSource): Float32Array {
  if (matrix instanceof Float16Array) return new Float32Array(matrix);
  const isNumbers = matrix instanceof Float32Array || matrix instanceof Float64Array || Array.isArray(matrix);
  const data = isNumbers ? toData(label, matrix, 'f32') : null;
  if (data instanceof Float32Array) return data;
  const expected = 'a Float32Array, Float64Array, Float16Array or an array of numbers';
  throw new TensorError(label, `matrix is ${quote(matrix)}, expected ${expected}`);
}
