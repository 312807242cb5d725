// Right output of `pool_hidden`: sums in float64, and the bound of sums in f32 in any order; slots of no row keep their bits.
import { type Expected, floatsOf } from '../kernel-case.ts';
import type { PoolInputs } from './operands.ts';

/** Unit of an f32 result, whichever way it is rounded: WGSL leaves that open. */
const U = 2 ** -23;

/** sums[S, C]. Each of n additions errs by at most U of the size of all terms together. */
export function expectedSums({ x, C, rows, sums }: PoolInputs): Expected {
  const want = Float64Array.from(sums);
  const tolerance = new Float64Array(sums.length);
  for (const { first, end, slot, isContinued } of rows) {
    for (let c = 0; c < C; c++) {
      const at = slot * C + c;
      const terms = isContinued ? [want[at]!] : [];
      for (let t = first; t < end; t++) terms.push(x[t * C + c]!);
      want[at] = terms.reduce((sum, term) => sum + term, 0);
      const size = terms.reduce((sum, term) => sum + Math.abs(term), 0);
      tolerance[at] = (end - first) * U * size;
    }
  }
  return { want, tolerance, toNumbers: floatsOf };
}
