// Contract of a kernel's folder: operands on the host and what is right for them. Tests, mutants, doctor, tuner and kernel
// benchmark all take these, and each adds only its own.
import type { KernelSpec, ScalarsOf, TensorsOf } from '../gpu/kernel-spec.ts';
import type { TensorData } from '../gpu/tensor-data.ts';
import type { WeightDType } from './weights/weight-tiles.ts';

/** Tensor of a case on the host. */
export interface HostTensor {
  readonly data: TensorData;
  readonly shape: readonly number[];
  /** Size and storage of the weight whose tiles the data are. */
  readonly weight?: { readonly K: number; readonly N: number; readonly dtype: WeightDType };
}

/** Host data of one dispatch: what a kernel reads, and what its outputs hold before. */
export interface KernelOperands<S extends KernelSpec> {
  readonly tensors: TensorsOf<S, HostTensor, HostTensor>;
  readonly scalars: ScalarsOf<S>;
  /** Names of the tensors that the kernel writes. */
  readonly outputs: readonly (keyof S['bindings'] & string)[];
}

/** Right output of a kernel. */
export interface Expected {
  /** One number for each element. */
  readonly want: Float64Array;
  /** Largest |got − want| of each element; null where the output is exact. */
  readonly tolerance: Float64Array | null;
  /** Reads the words of whole rows of the output as numbers. */
  readonly toNumbers: (words: Uint32Array) => Float64Array | Float32Array;
}

/** Makes a tensor of the given numbers in row-major order. */
export function hostTensor(data: TensorData, ...shape: readonly number[]): HostTensor {
  return { data, shape };
}

/** Makes an f32 output as it is before a dispatch: an element that the kernel leaves out stays NaN. */
export function unwritten(...shape: readonly number[]): HostTensor {
  return { data: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(Number.NaN), shape };
}

/** Reads words as the f32 numbers whose bits they are. */
export function floatsOf(words: Uint32Array): Float32Array {
  return new Float32Array(words.buffer, words.byteOffset, words.length);
}
