// The kernels whose inputs matter when they are timed.
import { adjustLogitsWorkloads } from './adjust-logits/workload.ts';
import {
  attentionFoldWorkloads,
  attentionNaiveWorkloads,
  attentionSplitWorkloads,
  attentionWorkloads,
} from './attention/workload.ts';
import { embedTokensWorkloads, embedWorkloads } from './embed/workload.ts';
import { gatherRowsWorkloads } from './gather-rows/workload.ts';
import type { KernelWorkloads } from './kernel-workload.ts';
import { kvWriteWorkloads } from './kv-write/workload.ts';
import { logprobsWorkloads } from './logprobs/workload.ts';
import { maskLogitsWorkloads } from './mask-logits/workload.ts';
import { matmulKVWriteWorkloads, normMatmulKVWriteWorkloads } from './matmul/workload.ts';
import { poolHiddenWorkloads } from './pool-hidden/workload.ts';
import { normRopeKVWriteWorkloads, ropeKVWriteWorkloads } from './rope-kv-write/workload.ts';
import { sampleNaiveWorkloads, sampleProbsWorkloads, sampleWorkloads } from './sample/workload.ts';

const KERNEL_WORKLOADS: readonly KernelWorkloads[] = [
  embedWorkloads,
  embedTokensWorkloads,
  matmulKVWriteWorkloads,
  normMatmulKVWriteWorkloads,
  kvWriteWorkloads,
  ropeKVWriteWorkloads,
  normRopeKVWriteWorkloads,
  attentionWorkloads,
  attentionSplitWorkloads,
  attentionFoldWorkloads,
  attentionNaiveWorkloads,
  poolHiddenWorkloads,
  gatherRowsWorkloads,
  adjustLogitsWorkloads,
  maskLogitsWorkloads,
  sampleWorkloads,
  sampleProbsWorkloads,
  sampleNaiveWorkloads,
  logprobsWorkloads,
];

/** Workloads of a kernel that takes any numbers. */
const ANY: Omit<KernelWorkloads, 'kernel'> = { list: () => [{ name: null, inputs: () => ({ data: {} }) }] };

/** Returns the workloads of a kernel by its name; of one that is in no table, a single one of any numbers. */
export function workloadsOf(kernel: string): Omit<KernelWorkloads, 'kernel'> {
  return KERNEL_WORKLOADS.find(({ kernel: { name } }) => name === kernel) ?? ANY;
}
