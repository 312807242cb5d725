// Penalties, bias and mask on rows of logits before they are sampled: a pass of its own, which a step without them leaves out.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';

/** Words of a row of `rows`. */
export const ADJUST_ROW_WORDS = 6;
/** Words of an entry. */
export const ADJUST_ENTRY_WORDS = 4;
/** Sentinel slot: no id is pending on the GPU, and the entries count every id. */
export const NO_NEWEST_SLOT = 0xffffffff;
/** Flags of an entry: the repetition penalty applies; the id must not be drawn. */
export const ADJUST_SEEN = 1;
/** Flag of an entry whose id must not be sampled. */
export const ADJUST_MASKED = 2;

/**
 * Leaves in out[R, V] the logits[R, V] after bias, repetition, presence and frequency penalty and mask, in that order.
 *
 * Row r of rows[R, 6] holds the first and the end of its entries, the three penalties (f32 bits; 1, 0, 0 are off) and the
 * slot of next_tokens with the newest id of its output, or 0xffffffff. An entry of entries[E, 4] is a token id, how often
 * the output has it, its bias (f32 bits), and flags: 1 where the repetition penalty applies, 2 for an id that must not be
 * drawn. A row has at most one entry for an id. The newest id counts once more than its entry says, or once without one,
 * and the repetition penalty applies to it.
 *
 * Finite logits stay finite, for biases and penalties of at most a few hundred: repetition stops at ±3.4e38, which is
 * also what a masked id gets, negative. Other logits stay as they are.
 */
export const adjustLogits = defineKernel({
  name: 'adjust_logits',
  bindings: {
    logits: read('R', 'V'),
    rows: read.u32('R', ADJUST_ROW_WORDS),
    entries: read.u32('E', ADJUST_ENTRY_WORDS),
    next_tokens: read.i32('X'),
    out: write('R', 'V'),
  },
  params: { V: 'u32' },
  constants: ({ isSoftware }) => ({ LOADS: isSoftware ? 1 : 16 }),
  overrides: ({ isSoftware }) => ({ LANES: isSoftware ? 8 : 256 }),
  tunables: { LANES: [8, 32, 64, 256] },
  workgroups: ({ R }) => [R, 1, 1],
  cost: ({ R, V }) => ({ bytes: 8 * R * V, flops: 0 }),
});
