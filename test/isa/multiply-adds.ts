// Rounding of multiply-adds: once where they are fused, else twice. The compiler may choose, and variants of a kernel have the
// same bits on a GPU only where it chooses alike in all of them.

/** Kind of multiply-adds: `both` where some are fused and some are not. */
export type Rounding = 'fused' | 'unfused' | 'both';

const FUSED = /^v_(?:dual_|pk_)?fma/;
const UNFUSED = /^v_(?:pk_)?ma[cd](?:ak|mk)?_(?:f32|f16|legacy|mix)/;

/** Classifies the multiply-adds among some instructions; null where there are none. */
export function roundingOf(lines: readonly string[]): Rounding | null {
  const isFused = lines.some((line) => FUSED.test(line));
  const isUnfused = lines.some((line) => UNFUSED.test(line));
  if (isFused && isUnfused) return 'both';
  if (isFused) return 'fused';
  return isUnfused ? 'unfused' : null;
}
