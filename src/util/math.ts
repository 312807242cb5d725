// Integer arithmetic of sizes, and the bits of floats.

/** Smallest integer ≥ a / b, for a ≥ 0 and b > 0. */
export function ceilDiv(a: number, b: number): number {
  return Math.ceil(a / b);
}

/** Smallest multiple of `step` that is ≥ `value`. */
export function roundUp(value: number, step: number): number {
  return ceilDiv(value, step) * step;
}

/** One float and its bits. */
const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

/** Returns the u32 word with the bits of a number as f32. */
export function f32Bits(value: number): number {
  FLOAT[0] = value;
  return BITS[0]!;
}

/** Elements of a tensor. */
export function numElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
