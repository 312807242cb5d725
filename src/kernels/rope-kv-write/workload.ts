// Workloads of the kernels that rotate: each token at its position, and in the slot that its sequence has for it.
import type { KernelWorkloads } from '../kernel-workload.ts';
import { positionsOf, slotsOf } from '../step-tokens.ts';
import { normRopeKVWrite, ropeKVWrite } from './rope-kv-write.ts';

const list: KernelWorkloads<typeof ropeKVWrite.spec>['list'] = ({ dims }, step) => [
  { name: 'tokens', inputs: () => ({ data: { positions: positionsOf(step), slot_mapping: slotsOf(step, dims) } }) },
];

/** Workload of `rope_kv_write`. */
export const ropeKVWriteWorkloads: KernelWorkloads<typeof ropeKVWrite.spec> = { kernel: ropeKVWrite, list };

/** Workload of `norm_rope_kv_write`. */
export const normRopeKVWriteWorkloads: KernelWorkloads<typeof normRopeKVWrite.spec> = { kernel: normRopeKVWrite, list };
