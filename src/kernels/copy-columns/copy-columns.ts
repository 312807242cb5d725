// Copies of a block of columns: the points of a forward pass that lie inside another tensor are taken out and put back by it.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/** Workgroups in one dimension of a grid: WebGPU's default limit. */
const MAX_GROUPS = 65535;

/** out[m, out_first + c] = x[m, first + c] for c < count: x[M, N], out[M, O]. The other columns of `out` stay as they are. */
export const copyColumns = defineKernel({
  name: 'copy_columns',
  bindings: { x: read('M', 'N'), out: write('M', 'O') },
  params: { M: 'u32', N: 'u32', O: 'u32', first: 'u32', out_first: 'u32', count: 'u32' },
  defaults: { first: 0, out_first: 0 },
  overrides: () => ({ LANES: 64 }),
  accepts: ({ N, O, first, out_first, count }) => {
    if (first + count > N) return `columns [${first}, ${first + count}) are beyond the ${N} of x`;
    return out_first + count > O ? `columns [${out_first}, ${out_first + count}) are beyond the ${O} of out` : null;
  },
  workgroups: ({ M, count }, { overrides: { LANES } }) => [ceilDiv(count, LANES), Math.min(M, MAX_GROUPS), 1],
  cost: ({ M, count }) => ({ bytes: 8 * M * count, flops: 0 }),
});
