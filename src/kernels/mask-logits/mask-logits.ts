// Masks of constraints on rows of logits, a bit an id: a pass of its own, which a step without constrained rows leaves out.
import { maskWords } from '../../core/constrained-ids.ts';
import { defineKernel } from '../../gpu/kernel.ts';
import { read, type Sizes, write } from '../../gpu/kernel-spec.ts';
import { ceilDiv } from '../../util/math.ts';

/** Sentinel in `rows`: the row samples any id. */
export const NO_MASK = 0xffffffff;

/**
 * Leaves −3.4e38 in out[R, V] for each id that its row's mask does not allow. A row of rows[R] is one of
 * masks[S, ceil(V / 32)], or 0xffffffff for none; an id is allowed where bit `id & 31` of word `id >> 5` is 1.
 *
 * With `copies` 1 all other elements of `out` are those of logits[R, V]. With 0 they stay: `out` holds the logits after
 * `adjust_logits`. A logit that is not finite is not masked, for the sampler to find it.
 */
export const maskLogits = defineKernel({
  name: 'mask_logits',
  bindings: {
    logits: read('R', 'V'),
    rows: read.u32('R'),
    masks: read.u32('S', ({ V }: Sizes<'V'>) => maskWords(V)),
    out: write('R', 'V'),
  },
  params: { V: 'u32', copies: 'u32' },
  constants: ({ isSoftware }) => ({ IDS: isSoftware ? 1024 : 4 }),
  overrides: ({ isSoftware }) => ({ LANES: isSoftware ? 8 : 256 }),
  tunables: { LANES: [8, 32, 64, 256] },
  workgroups: ({ R, V }, { constants: { IDS }, overrides: { LANES } }) => [ceilDiv(V, LANES * IDS), R, 1],
  cost: ({ R, V }) => ({ bytes: 8 * R * V + 4 * R * maskWords(V), flops: 0 }),
});
