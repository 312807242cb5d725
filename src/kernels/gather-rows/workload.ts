// Workload of `gather_rows`: rows that differ, as those of a step do.
import type { KernelWorkloads } from '../kernel-workload.ts';
import { gatherRows } from './gather-rows.ts';

/** Workload of `gather_rows`. */
export const gatherRowsWorkloads: KernelWorkloads<typeof gatherRows.spec> = {
  kernel: gatherRows,
  list: ({ dims: { R, T } }) => [
    { name: null, inputs: () => ({ data: { rows: Int32Array.from({ length: R }, (_, r) => r % T) } }) },
  ],
};
