// General bounds of the distance from float64: first order in the rounding of f32, u = 2^-24. A kernel's own bound stands
// in its folder.

const U = 2 ** -24;
/** The smallest normal f32: below it an adapter may flush to zero. */
const SMALLEST_NORMAL = 2 ** -126;

/**
 * Bound for a sum of K products and a bias of which `magnitude` = Σ|x w| + |bias|: each of K products and K + 1 additions
 * rounds by u of at most that, whether or not fma is fused.
 */
export function sumBound(magnitude: number, K: number): number {
  return (K + 2) * U * magnitude + SMALLEST_NORMAL;
}

/** The argument of the exp inside an activation of x. */
const EXPONENTS = {
  gelu_new: (x: number) => 2 * Math.sqrt(2 / Math.PI) * Math.abs(x + 0.044715 * x ** 3),
  gelu: (x: number) => (x * x) / 2 + 2,
  relu: () => 0,
};
/** Largest |exponent| that the shader does not clamp away: exp(−87) is about the smallest normal f32. */
const MAX_EXPONENT = 88;

/**
 * Bound for f(x) = `want` where x errs by `error`. No activation is steeper than 1.13. exp errs by 3 + 2 |e| units in the
 * last place (of 2 u), its argument by about six roundings, division by 2.5 units, and the rational erfc of GELU by 1.2e-7.
 * Where exp(−|e|) leaves the range of f32 the result is 0, and x exp(−87) with |x| < 14 is below 3e-37.
 */
export function activationBound(f: keyof typeof EXPONENTS, x: number, error: number, want: number): number {
  const relative = (16 + 10 * Math.min(EXPONENTS[f](x), MAX_EXPONENT)) * U + 1.2e-7;
  return 1.13 * error + relative * Math.abs(want) + 3e-37;
}

/** Bound for adding a number that errs by `error`, with the sum `want`. */
export function additionBound(error: number, want: number): number {
  return error + 2 * U * Math.abs(want);
}

/**
 * Bound for a number that errs by `error`, about `want`, once it is stored as f16: WGSL leaves open which neighbour it
 * becomes, and they are 2^-10 of it apart, or 2^-24 where f16 is subnormal.
 */
export function halfBound(error: number, want: number): number {
  return error + 2 ** -10 * (Math.abs(want) + error) + 2 ** -24;
}
