// Changes of listed rows: edits of a forward pass's points, and the residual sum where it is a dispatch of its own.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/** Workgroups in one dimension of a grid: WebGPU's default limit. */
const MAX_GROUPS = 65535;

/** Numbers of what is done with a value: constants of shaders/edit_rows.wgsl. */
export const EDIT_MODES = { set: 0, add: 1, scale: 2 } as const;

/**
 * x[rows[r], c] = values[sources[r], c], or the sum or product of both: x[M, C], rows[R], sources[R], values[S, C]. No row is
 * listed twice; `mode` is one of `EDIT_MODES`.
 */
export const editRows = defineKernel({
  name: 'edit_rows',
  bindings: {
    x: write('M', 'C'),
    values: read('S', 'C'),
    rows: read.i32('R'),
    sources: read.i32('R'),
  },
  params: { C: 'u32', R: 'u32', mode: 'u32' },
  overrides: () => ({ LANES: 64 }),
  accepts: ({ mode }) => (mode <= EDIT_MODES.scale ? null : `mode is ${mode}, expected 0 to ${EDIT_MODES.scale}`),
  workgroups: ({ C, R }, { overrides: { LANES } }) => [ceilDiv(C, LANES), Math.min(R, MAX_GROUPS), 1],
  cost: ({ C, R }) => ({ bytes: 12 * R * C, flops: R * C }),
});
