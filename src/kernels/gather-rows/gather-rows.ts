// Copies of listed rows: only rows that need logits go on to the LM head.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/** out[r, :] = x[rows[r], :]: x[T, C], rows[R], out[R, C]. */
export const gatherRows = defineKernel({
  name: 'gather_rows',
  bindings: { x: read('T', 'C'), rows: read.i32('R'), out: write('R', 'C') },
  params: { C: 'u32' },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ R, C }, { overrides: { LANES } }) => [ceilDiv(C, LANES), R, 1],
  // An element takes the index of its row, too.
  cost: ({ R, C }) => ({ bytes: 8 * R * C, loads: 2 * R * C, flops: 0 }),
});
