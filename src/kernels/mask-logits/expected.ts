// Right output of `mask_logits`: the given logits to the bit, or the least logit, as the reference in float64 masks them.
import { adjustLogits } from '../../reference/sampling.ts';
import { type Expected, floatsOf } from '../kernel-case.ts';
import type { MaskedRow } from './operands.ts';

/** Logit of a masked id. */
const LEAST = Math.fround(-3.4e38);

/** out[R, V] of rows of one length and of finite logits. */
export function expectedMasked(rows: readonly MaskedRow[]): Expected {
  const V = rows[0]!.logits.length;
  const want = new Float64Array(rows.length * V);
  for (const [r, { logits, mask, adjusted = logits }] of rows.entries()) {
    const masked = adjustLogits(Float64Array.from(adjusted), mask === null ? {} : { mask });
    want.set(
      masked.map((logit) => Math.max(logit, LEAST)),
      r * V,
    );
  }
  return { want, tolerance: null, toNumbers: floatsOf };
}
