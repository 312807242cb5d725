// RMS norm: brings each row to mean square 1. The order of its sum follows the row's length alone, so its bits do too.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { NORM_HELD, NORM_PARTS } from '../layernorm/layernorm.ts';

/**
 * Row RMS norm: out[M, C] = x[M, C] · (1 / √(mean x² + eps)) · gamma[C]; an f32 sum in the order of the device's reduction class,
 * which is that of `layernorm`. WIDE is the order of the class `gpu`.
 */
export const rmsnorm = defineKernel({
  name: 'rmsnorm',
  shader: { WIDE: 'rmsnorm_wide', otherwise: 'rmsnorm' },
  bindings: { x: read('M', 'C'), gamma: read('C'), out: write('M', 'C') },
  params: { M: 'u32', C: 'u32', eps: 'f32' },
  conditions: ({ reduction }) => ({ WIDE: reduction === 'gpu' }),
  supports: ({ conditions: { WIDE } }, { reduction }) =>
    WIDE === (reduction === 'gpu') ? null : `WIDE is ${WIDE}, expected ${!WIDE} in the reduction class ${reduction}`,
  workgroups: ({ M }) => [M, 1, 1],
  // gamma is loaded in each row, and x twice, but for what lanes hold.
  cost: ({ M, C }, { conditions: { WIDE } }) => {
    const held = WIDE ? Math.min(C, NORM_PARTS * NORM_HELD) : 0;
    return { bytes: 4 * (2 * M * C + C), loads: M * (3 * C - held), flops: 4 * M * C };
  },
});
