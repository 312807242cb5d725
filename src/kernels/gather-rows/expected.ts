// Right output of `gather_rows`: copies, exact.
import { type Expected, floatsOf } from '../kernel-case.ts';
import type { GatherInputs } from './operands.ts';

/** out[R, C]. */
export function expectedRows({ x, C, rows }: GatherInputs): Expected {
  const want = new Float64Array(rows.length * C);
  for (const [r, row] of rows.entries()) want.set(x.subarray(row * C, (row + 1) * C), r * C);
  return { want, tolerance: null, toNumbers: floatsOf };
}
