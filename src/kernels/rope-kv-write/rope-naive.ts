// The plain form of rotary position embedding, to read first: no cache, a lane for each pair.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/**
 * Rotates x[T, H, D] by the rows of rope[Y, D] (D/2 cosines, then D/2 sines) at positions[T]: out[T, H, D]. The bits may differ
 * from those of `ropeKVWrite`.
 */
export const ropeNaive = defineKernel({
  name: 'rope_naive',
  bindings: { x: read('T', 'H', 'D'), rope: read('Y', 'D'), positions: read.i32('T'), out: write('T', 'H', 'D') },
  params: { H: 'u32', D: 'u32' },
  overrides: () => ({ LANES: 64 }),
  accepts: ({ D }) => (D % 2 === 0 ? null : `D is ${D}, expected an even number`),
  workgroups: ({ T, H, D }, { overrides: { LANES } }) => [ceilDiv((H * D) / 2, LANES), T, 1],
  // A pair takes its cosine and its sine.
  cost: ({ T, H, D }) => ({ bytes: 8 * T * H * D + 4 * T * D, loads: 2 * T * H * D, flops: 3 * T * H * D }),
});
