// Workload of the matmul that writes keys and values: each token in its slot. The others take any numbers.

import type { KernelWorkloads } from '../kernel-workload.ts';
import { type CacheBlocks, type StepTokens, slotsOf } from '../step-tokens.ts';
import { matmulKVWrite } from './matmul.ts';
import { normMatmulKVWrite } from './norm-matmul.ts';

/** Workload of `matmul_kv_write`. */
export const matmulKVWriteWorkloads: KernelWorkloads<typeof matmulKVWrite.spec> = {
  kernel: matmulKVWrite,
  list: slotsOfTokens,
};

/** Workload of `norm_matmul_kv_write`. */
export const normMatmulKVWriteWorkloads: KernelWorkloads<typeof normMatmulKVWrite.spec> = {
  kernel: normMatmulKVWrite,
  list: slotsOfTokens,
};

function slotsOfTokens({ dims }: { readonly dims: CacheBlocks }, step: StepTokens) {
  return [{ name: null, inputs: () => ({ data: { slot_mapping: slotsOf(step, dims) } }) }];
}
