/** Smallest integer ≥ a / b, for a ≥ 0 and b > 0. */
export function ceilDiv(a: number, b: number): number {
  return Math.ceil(a / b);
}

/** Smallest multiple of `step` that is ≥ `value`. */
export function roundUp(value: number, step: number): number {
  return ceilDiv(value, step) * step;
}
