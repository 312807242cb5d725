// Operands of the kernel benchmark: random blocks that repeat, so that tensors of any size are made quickly.
import type { Device } from '../../src/gpu/device.ts';
import { type DType, Tensor, type TensorData } from '../../src/gpu/tensor.ts';
import type { HostTensor } from '../../src/kernels/kernel-case.ts';
import { PackedWeight } from '../../src/kernels/weights/packed-weight.ts';
import { TILE, type WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { uniforms } from '../../src/util/random-values.ts';

/** Words of the random block that fills a tensor, again and again. */
const BLOCK_WORDS = 2 ** 16;

/** Makes the operands of a benchmark on one device, which belong to a stack. */
export class Operands {
  readonly #device: Device;
  readonly #owned: DisposableStack;

  constructor(device: Device, owned: DisposableStack) {
    this.#device = device;
    this.#owned = owned;
  }

  /** Zeros. */
  empty(dtype: DType, ...shape: readonly number[]): Tensor {
    return this.#owned.use(Tensor.create(this.#device, 'operand', dtype, shape));
  }

  of(data: TensorData, ...shape: readonly number[]): Tensor {
    return this.#owned.use(Tensor.from(this.#device, 'operand', data, shape.length > 0 ? shape : [data.length]));
  }

  host({ data, shape }: HostTensor): Tensor {
    return this.#owned.use(Tensor.from(this.#device, 'operand', data, shape));
  }

  /** Makes random f32 numbers in (−1, 1). */
  floats(...shape: readonly number[]): Tensor {
    const tensor = this.empty('f32', ...shape);
    const block = uniforms(1, Math.min(BLOCK_WORDS, tensor.length));
    for (let start = 0; start < tensor.length; start += block.length) {
      tensor.write(block.subarray(0, tensor.length - start), start);
    }
    return tensor;
  }

  /** A K×N weight of random numbers: a tile of columns, again and again. */
  weight(dtype: WeightDType, K: number, N: number): PackedWeight {
    const weight = this.#owned.use(PackedWeight.create(this.#device, 'weight', [K, N], dtype));
    weight.repeatTile(uniforms(2, K * TILE, 0.1));
    return weight;
  }

  /** u32 words that hold random numbers in a storage type. */
  packed(storage: 'f32' | 'f16', ...shape: readonly number[]): Tensor {
    const tensor = this.empty('u32', ...shape);
    const values = uniforms(2, storage === 'f16' ? 2 * BLOCK_WORDS : BLOCK_WORDS, 0.1);
    const block = new Uint32Array((storage === 'f16' ? new Float16Array(values) : values).buffer);
    return fill(tensor, block);
  }
}

/** Repeats the block. */
function fill(tensor: Tensor, block: Uint32Array): Tensor {
  for (let start = 0; start < tensor.length; start += block.length) {
    tensor.write(block.subarray(0, tensor.length - start), start);
  }
  return tensor;
}
