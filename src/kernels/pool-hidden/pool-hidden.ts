// Sums of hidden states over the tokens of a prompt: an embedding grows with the chunks of its prompt, and only its end is read.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/** Words of a row of `rows`. */
export const POOL_ROW_WORDS = 4;

/**
 * Adds x[first, :] to x[end − 1, :], in this order, to row `slot` of sums[S, C], for each row of rows[R, 4]: first, end, slot, and 1
 * where the sum that is there goes on, 0 where it starts. No two rows have the same slot.
 */
export const poolHidden = defineKernel({
  name: 'pool_hidden',
  bindings: { x: read('T', 'C'), rows: read.u32('R', POOL_ROW_WORDS), sums: write('S', 'C') },
  params: { C: 'u32' },
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ R, C }, { overrides: { LANES } }) => [ceilDiv(C, LANES), R, 1],
  // All tokens, as if each were of a row.
  cost: ({ T, R, C }) => ({ bytes: 4 * (T + 2 * R) * C, flops: T * C }),
});
