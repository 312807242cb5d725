// Right output of `adjust_logits`: the reference in float64 and the bound of f32's rounding. Logits without an entry keep
// their bits.
import { adjustLogits as adjustReference } from '../../reference/sampling.ts';
import { type Expected, floatsOf } from '../kernel-case.ts';
import type { AdjustedRow } from './operands.ts';

/** Unit roundoff of f32. */
const U = 2 ** -24;
/** Logit of a masked id, and the least that penalties lead to. */
const LEAST = Math.fround(-3.4e38);

/** out[R, V] of rows of one length. */
export function expectedAdjustment(rows: readonly AdjustedRow[]): Expected {
  const V = rows[0]!.logits.length;
  const want = new Float64Array(rows.length * V);
  const tolerance = new Float64Array(rows.length * V);
  for (const [r, row] of rows.entries()) {
    const { logits, isNewestPending: _, ...penalties } = row;
    const right = adjustReference(Float64Array.from(logits), penalties).map((logit) => Math.max(logit, LEAST));
    const counts = new Map<number, number>();
    for (const id of row.outputIds ?? []) counts.set(id, (counts.get(id) ?? 0) + 1);
    want.set(right, r * V);
    tolerance.set(
      right.map((adjusted, id) =>
        adjusted === logits[id] || adjusted === LEAST ? 0 : adjustmentBound(row, id, counts.get(id) ?? 0),
      ),
      r * V,
    );
  }
  return { want, tolerance, toNumbers: floatsOf };
}

/**
 * Bound for one adjusted logit: the sum of logit and bias errs by u, WGSL's division by 2.5 units in the last place or 5 u,
 * subtraction and fma by u each, all of them of a size that is at most that of the terms' sizes together.
 */
function adjustmentBound(row: AdjustedRow, id: number, count: number): number {
  const { logits, repetitionPenalty = 1, presencePenalty = 0, frequencyPenalty = 0, logitBias = {} } = row;
  const factor = Math.max(repetitionPenalty, 1 / repetitionPenalty);
  const scaled = (Math.abs(logits[id]!) + Math.abs(logitBias[id] ?? 0)) * factor;
  return 8 * U * (scaled + Math.abs(presencePenalty) + count * Math.abs(frequencyPenalty));
}
