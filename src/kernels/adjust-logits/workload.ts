// Workload of `adjust_logits`: as many ids of each row have a penalty as a context of some length has tokens.
import type { KernelWorkloads } from '../kernel-workload.ts';
import { adjustLogits } from './adjust-logits.ts';
import { adjustEntryWords, adjustRowWords } from './adjust-row.ts';

/** Most entries of a row. */
const MAX_ENTRIES = 256;
const PENALTY = { repetitionPenalty: 1.1, presencePenalty: 0, frequencyPenalty: 0, tokens: [], newestTokenSlot: null };

/** Workload of `adjust_logits`. */
export const adjustLogitsWorkloads: KernelWorkloads<typeof adjustLogits.spec> = {
  kernel: adjustLogits,
  list: ({ dims: { R, V, E } }) => {
    const perRow = Math.min(MAX_ENTRIES, V, Math.floor(E / R));
    const rows = () => Array.from({ length: R }, (_, r) => adjustRowWords(PENALTY, r * perRow, (r + 1) * perRow));
    const entries = () =>
      Array.from({ length: perRow }, (_, id) =>
        adjustEntryWords({ id, outputCount: 1, bias: 0, isSeen: true, isMasked: false }),
      );
    // The entries of a row are those of all.
    const inputs = () => ({
      data: { rows: Uint32Array.from(rows().flat()), entries: Uint32Array.from(entries().flat()) },
    });
    return [{ name: `${perRow} penalties a row`, inputs }];
  },
};
