// Activations of the matmul's epilogue in float64, by the condition that selects each, and the bound of their rounding.
import { gelu, geluNew, relu, silu } from '../../reference/operators.ts';
import type { Expected } from '../kernel-case.ts';

/** Unit roundoff of f32. */
const U = 2 ** -24;
/** Largest |exponent| that the shader does not clamp away: exp(−87) is about the smallest normal f32. */
const MAX_EXPONENT = 88;

/** Each activation, that of gates for SILU_MUL, and the size of the argument of the exp inside it. */
export const ACTIVATIONS = {
  GELU_NEW: {
    apply: geluNew,
    exponent: (x: number) => 2 * Math.sqrt(2 / Math.PI) * Math.abs(x + 0.044715 * x ** 3),
  },
  GELU: { apply: gelu, exponent: (x: number) => (x * x) / 2 + 2 },
  RELU: { apply: relu, exponent: () => 0 },
  SILU_MUL: { apply: silu, exponent: (x: number) => Math.abs(x) },
} as const;

/** Condition of `matmul` that selects an activation. */
export type ActivationName = keyof typeof ACTIVATIONS;

/** Names of the activations. */
export const ACTIVATION_NAMES: readonly ActivationName[] = ['GELU_NEW', 'GELU', 'RELU', 'SILU_MUL'];

/**
 * Bound for f(x) = `want` where x errs by `error`. No activation is steeper than 1.13. exp errs by 3 + 2 |e| units in the
 * last place (of 2 u), its argument by about six roundings, division by 2.5 units, and the rational erfc of GELU by 1.2e-7.
 * Where exp(−|e|) leaves the range of f32 the result is 0, and x exp(−87) is below 1.5e-36 for the |x| ≤ 87 of SiLU, the largest.
 */
export function activationBound(name: ActivationName, x: number, error: number, want: number): number {
  const relative = (16 + 10 * Math.min(ACTIVATIONS[name].exponent(x), MAX_EXPONENT)) * U + 1.2e-7;
  return 1.13 * error + relative * Math.abs(want) + 1.5e-36;
}

/**
 * Applies an activation to sums and their bounds. With SILU_MUL sums are pairs, of which the product is left: errors of both factors
 * move it, and it rounds.
 */
export function activated(
  name: ActivationName,
  { want: sums, tolerance: errors }: Pick<Expected, 'want' | 'tolerance'>,
): { readonly want: Float64Array; readonly tolerance: Float64Array } {
  const want = ACTIVATIONS[name].apply(sums);
  const tolerance = want.map((value, i) => activationBound(name, sums[i]!, errors?.[i] ?? 0, value));
  if (name !== 'SILU_MUL') return { want, tolerance };
  const [products, bounds] = [new Float64Array(sums.length / 2), new Float64Array(sums.length / 2)];
  for (const i of products.keys()) {
    const [gate, scaled, error] = [want[2 * i]!, sums[2 * i + 1]!, errors?.[2 * i + 1] ?? 0];
    products[i] = gate * scaled;
    bounds[i] =
      tolerance[2 * i]! * (Math.abs(scaled) + error) + Math.abs(gate) * error + 2 * U * Math.abs(gate * scaled);
  }
  return { want: products, tolerance: bounds };
}
