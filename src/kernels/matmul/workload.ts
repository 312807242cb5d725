// Workload of the matmul that writes keys and values: each token in its slot. The others take any numbers.
import type { KernelWorkloads } from '../kernel-workload.ts';
import { slotsOf } from '../step-tokens.ts';
import { matmulKVWrite } from './matmul.ts';

/** Workload of `matmul_kv_write`. */
export const matmulKVWriteWorkloads: KernelWorkloads<typeof matmulKVWrite.spec> = {
  kernel: matmulKVWrite,
  list: ({ dims }, step) => [{ name: null, inputs: () => ({ data: { slot_mapping: slotsOf(step, dims) } }) }],
};
