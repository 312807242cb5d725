// A tensor's numbers on the host: which array becomes which element type. Anything without an element type of its own
// is refused by name: bytes read as words, or text as numbers, would be garbage that looks like data.
import { quote } from '../util/quote.ts';
import { TensorError } from './errors.ts';

/** Element type of a tensor. f16 lies two to a u32 word, the first in the low half, and is what WGSL sees as u32. */
export type DType = 'f32' | 'f16' | 'i32' | 'u32';

/** Typed array of an element type. */
export type TensorData = Float32Array | Float16Array | Int32Array | Uint32Array;

/**
 * Contents of a new tensor: its typed array, the bits of f16 (Uint16Array), or numbers (an array or a Float64Array).
 */
export type TensorSource = TensorData | Uint16Array | Float64Array | readonly number[];

const ARRAYS = { f32: Float32Array, f16: Float16Array, i32: Int32Array, u32: Uint32Array } as const;
/** Names of the element types. */
export const DTYPES: readonly string[] = Object.keys(ARRAYS);

const SOURCES = 'a Float32Array, Float16Array (or its bits, a Uint16Array), Int32Array, Uint32Array, or numbers';

/** Bytes of an element. */
export function elementBytes(dtype: DType): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/** The array of all elements of a buffer. */
export function toTypedArray(bytes: ArrayBuffer, dtype: DType): TensorData {
  return new ARRAYS[dtype](bytes);
}

/** The element type of an array. */
export function dtypeOf(data: TensorData): DType {
  if (data instanceof Float32Array) return 'f32';
  if (data instanceof Float16Array) return 'f16';
  if (data instanceof Int32Array) return 'i32';
  data satisfies Uint32Array;
  return 'u32';
}

/**
 * Plain numbers as an array of the given type, f16 bits as f16; typed arrays of an element type as they are.
 *
 * @throws TensorError for anything else, and for a number that the type can't hold.
 */
export function toData(label: string, source: TensorSource, dtype: DType): TensorData {
  if (source instanceof Uint16Array) return new Float16Array(source.buffer, source.byteOffset, source.length);
  if (isTensorData(source)) return source;
  if (source instanceof Float64Array || Array.isArray(source)) return fromNumbers(label, source, dtype);
  throw new TensorError(label, `data are ${quote(source)}, expected ${SOURCES}`);
}

function isTensorData(source: TensorSource): source is TensorData {
  return Object.values(ARRAYS).some((known) => source instanceof known);
}

function fromNumbers(label: string, numbers: Float64Array | readonly number[], dtype: DType): TensorData {
  const data = new ARRAYS[dtype](numbers.length);
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i];
    if (typeof value !== 'number') {
      throw new TensorError(label, `element ${i} is ${quote(value)}, expected a number`);
    }
    data[i] = value;
    if (!holds(dtype, data[i]!, value)) throw new TensorError(label, `element ${i} is ${value}, beyond ${dtype}`);
  }
  return data;
}

/** Integers are held exactly, floats rounded but never to infinity. */
function holds(dtype: DType, held: number, value: number): boolean {
  switch (dtype) {
    case 'i32':
    case 'u32':
      return held === value;
    case 'f32':
    case 'f16':
      return Number.isFinite(held) || !Number.isFinite(value);
  }
}

/** Checks an element type that a JavaScript caller may have misspelt. @throws TensorError */
export function checkDType(label: string, dtype: DType): void {
  if (DTYPES.includes(dtype)) return;
  throw new TensorError(label, `dtype is ${quote(dtype)}, expected one of ${DTYPES.join(', ')}`);
}

/** Checks a shape. @throws TensorError unless its sizes are natural numbers, 0 included, of a product below 2^53. */
export function checkShape(label: string, shape: readonly number[]): void {
  const isShape = Array.isArray(shape) && Array.from(shape, isNatural).every(Boolean);
  if (isShape && isNatural(numElements(shape))) return;
  throw new TensorError(label, `shape is ${quote(shape)}, expected natural numbers of a product below 2^53`);
}

/** Product of the sizes. */
export function numElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function isNatural(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
