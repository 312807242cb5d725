// Log-probabilities of the chosen id and of the most likely ones, from the logits as the model gave them.
import { defineKernel } from '../../gpu/kernel.ts';
import { read, write } from '../../gpu/kernel-spec.ts';

/** Most likely ids that a record has room for. */
export const MAX_TOP_LOGPROBS = 20;
/** Words of a record. */
export const LOGPROB_WORDS = 1 + 2 * MAX_TOP_LOGPROBS;

/**
 * Log-probabilities by log-softmax over all V logits of each row of logits[R, V]: of the id that starts row r of
 * chosen[R, J], and of the wanted[r] − 1 most likely ids, the lower id first among equals. A row with wanted[r] = 0 is
 * left out. A record of records[R, 41] holds the chosen id's (f32 bits), then an id and its log-probability (f32 bits)
 * for each of the most likely ones, of which there are at most min(20, V); words after them are not written.
 *
 * Off by at most 1e-5 from f32 logits below 100 in size. A row's record depends on its own logits, not on LANES or R.
 * Of finite logits they are finite: one below −3.4e38 is −3.4e38. In a row with a logit that is not finite all are NaN.
 */
export const logprobs = defineKernel({
  name: 'logprobs',
  bindings: {
    logits: read('R', 'V'),
    chosen: read.u32('R', 'J'),
    wanted: read.u32('R'),
    records: write.u32('R', LOGPROB_WORDS),
  },
  params: { V: 'u32', J: 'u32' },
  constants: ({ isSoftware }) => ({ LOADS: isSoftware ? 1 : 16 }),
  overrides: ({ isSoftware }) => ({ LANES: isSoftware ? 8 : 256 }),
  tunables: { LANES: [8, 32, 64, 256] },
  workgroups: ({ R }) => [R, 1, 1],
  // Logits are read for the maximum and again for the sum of exponentials, about 20 operations each.
  cost: ({ R, V }) => ({ bytes: 4 * R * V, loads: 2 * R * V, flops: 20 * R * V }),
});
