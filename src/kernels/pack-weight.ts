import type { Device } from '../gpu/device.ts';
import { KernelError } from '../gpu/errors.ts';
import { Tensor } from '../gpu/tensor.ts';
import { packTiles, tiledShape, type WeightDType } from './weight-tiles.ts';

/** How a matrix is given and stored. */
export interface PackWeightOptions {
  /** Storage; f16 for a Float16Array, else f32. `matmul` and `embed` take f16 and q8 under the conditions W_F16 and W_Q8. */
  readonly dtype?: WeightDType | undefined;
  /** `kn` (default): rows of N, as x · w reads; `nk`: rows of K, the transpose, as an embedding table is. */
  readonly order?: 'kn' | 'nk' | undefined;
}

/**
 * A K×N matrix on the GPU as `matmul` and `embed` take weights: u32 words in column tiles (weight-tiles.ts).
 *
 * @throws KernelError unless the matrix has K · N elements.
 */
export function packWeight(
  device: Device,
  label: string,
  matrix: Float32Array | Float16Array | readonly number[],
  [K, N]: readonly [number, number],
  { dtype = matrix instanceof Float16Array ? 'f16' : 'f32', order = 'kn' }: PackWeightOptions = {},
): Tensor {
  if (matrix.length !== K * N) {
    throw new KernelError(label, `${matrix.length} elements, expected ${K * N} for K = ${K}, N = ${N}`);
  }
  return Tensor.from(device, label, packTiles(K, N, dtype, Float32Array.from(matrix), order), tiledShape(K, N, dtype));
}
