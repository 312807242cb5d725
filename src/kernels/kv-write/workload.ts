// Workload of `kv_write`: each token in the slot that its sequence has for it.
import type { KernelWorkloads } from '../kernel-workload.ts';
import { slotsOf } from '../step-tokens.ts';
import { kvWrite } from './kv-write.ts';

/** Workload of `kv_write`. */
export const kvWriteWorkloads: KernelWorkloads<typeof kvWrite.spec> = {
  kernel: kvWrite,
  list: ({ dims }, step) => [{ name: 'tokens', inputs: () => ({ data: { slot_mapping: slotsOf(step, dims) } }) }],
};
