// Embedding: the rows of token and position, added. It reads the table in the tiles of the LM head, so that a tied model
// holds one matrix.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, readPacked, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/**
 * out[t, c] = wte[id, c] + wpe[positions[t], c] for tokens whose id lies in [first, first + N). A negative entry i of
 * token_ids means next_tokens[−1 − i]. wte[N, C] is stored as the LM head is: a PackedWeight of K = C and N.
 */
export const embed = defineKernel({
  name: 'embed',
  bindings: {
    token_ids: read.i32('T'),
    next_tokens: read.i32('X'),
    positions: read.i32('T'),
    wte: readPacked('C', 'N'),
    wpe: read('Y', 'C'),
    out: write('T', 'C'),
  },
  params: { T: 'u32', C: 'u32', N: 'u32', first: 'u32' },
  defaults: { first: 0 },
  conditions: () => ({ W_F16: false, W_Q8: false }),
  overrides: () => ({ LANES: 64 }),
  workgroups: ({ T, C }, { overrides: { LANES } }) => [ceilDiv(C, LANES), T, 1],
  // An element takes its token's id and position, too.
  cost: ({ T, C }) => ({ bytes: 12 * T * C, loads: 4 * T * C, flops: T * C }),
});
