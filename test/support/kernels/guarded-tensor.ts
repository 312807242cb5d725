// Tensors that end in guard words, so that a write past the end is detected.
import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { Tensor, type TensorData } from '../../../src/gpu/tensor.ts';
import type { HostTensor } from '../../../src/kernels/kernel-case.ts';
import { PackedWeight } from '../../../src/kernels/weights/packed-weight.ts';

const GUARD_WORDS = 64;

/**
 * Guard word of a tensor: NaN as f32, so that a read past the end shows in the results, too. Each label has another
 * one: a NaN that was read past one end and written past another keeps its bits.
 */
function guardWord(label: string): number {
  return [...label].reduce((hash, letter) => (31 * hash + letter.charCodeAt(0)) % 0x3fffff, 0) + 0x7fc00000;
}

/**
 * A tensor with 64 words after it inside the range that kernels bind, where the adapter does not clamp: a write past
 * the tensor's end lands in them.
 */
export class GuardedTensor {
  readonly tensor: Tensor;
  /** The tensor, or the weight that it holds. */
  readonly bound: Tensor | PackedWeight;
  readonly #owner: Tensor;
  readonly #label: string;

  constructor(device: Device, label: string, { shape, data, weight }: HostTensor) {
    this.#label = label;
    this.#owner = Tensor.create(device, label, dtypeOf(data), [data.length + GUARD_WORDS]);
    this.tensor = this.#owner.prefix(shape);
    this.bound = weight ? PackedWeight.over(this.tensor, [weight.K, weight.N], weight.dtype) : this.tensor;
    expect(this.tensor.length, `${label}: elements of [${shape}]`).toBe(data.length);
    this.#owner.write(data);
    const guards = new Uint32Array(GUARD_WORDS).fill(guardWord(label));
    this.#owner.write(sameType(data, guards), data.length);
  }

  /** The tensor's words, after a check that the guard words are intact. */
  async readWords(): Promise<Uint32Array> {
    const { buffer } = await this.#owner.read();
    const words = new Uint32Array(buffer);
    const { length } = this.tensor;
    const guard = guardWord(this.#label);
    const broken = words.subarray(length).findIndex((word) => word !== guard);
    if (broken >= 0) expect.fail(`${this.#label}: word ${broken} after the ${length} of the tensor was overwritten`);
    return words.subarray(0, length);
  }

  [Symbol.dispose](): void {
    this.#owner.close();
  }
}

function dtypeOf(data: TensorData): 'f32' | 'i32' | 'u32' {
  if (data instanceof Float32Array) return 'f32';
  return data instanceof Int32Array ? 'i32' : 'u32';
}

/** The words as an array of the same type as `data`. */
function sameType(data: TensorData, words: Uint32Array): TensorData {
  if (data instanceof Float32Array) return new Float32Array(words.buffer);
  return data instanceof Int32Array ? new Int32Array(words.buffer) : words;
}
