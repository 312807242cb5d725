// Layer norm: brings each row to mean 0 and variance 1. The order of its sums follows the row's length alone, so its bits do too.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';

/** Parts that sums of the class `gpu` have, of a lane each: `PARTS` of shaders/norm_row.wgsl. */
export const NORM_PARTS = 256;
/** Elements of its part that a lane holds: `HELD` of shaders/norm_parts.wgsl. */
export const NORM_HELD = 8;

/**
 * Row layer norm: out[M, C] from x[M, C], gamma[C], beta[C]; f32 sums in two passes, in the order of the device's reduction
 * class. WIDE is the order of the class `gpu`.
 */
export const layernorm = defineKernel({
  name: 'layernorm',
  shader: { WIDE: 'layernorm_wide', otherwise: 'layernorm' },
  bindings: { x: read('M', 'C'), gamma: read('C'), beta: read('C'), out: write('M', 'C') },
  params: { M: 'u32', C: 'u32', eps: 'f32' },
  conditions: ({ reduction }) => ({ WIDE: reduction === 'gpu' }),
  supports: ({ conditions: { WIDE } }, { reduction }) =>
    WIDE === (reduction === 'gpu') ? null : `WIDE is ${WIDE}, expected ${!WIDE} in the reduction class ${reduction}`,
  workgroups: ({ M }) => [M, 1, 1],
  // gamma and beta are loaded in each row, and x three times, but for what lanes hold.
  cost: ({ M, C }, { conditions: { WIDE } }) => {
    const held = WIDE ? Math.min(C, NORM_PARTS * NORM_HELD) : 0;
    return { bytes: 4 * (2 * M * C + 2 * C), loads: M * (5 * C - 2 * held), flops: 8 * M * C };
  },
});
