// The kernels that have variants to choose from, in the order in which they are measured.
import { attentionSplitTuning, attentionTuning } from './attention/tuning.ts';
import type { KernelTuning } from './kernel-tuning.ts';
import {
  matmulKVWriteTuning,
  matmulTuning,
  normMatmulKVWriteTuning,
  normMatmulTuning,
  rmsnormMatmulTuning,
} from './matmul/tuning.ts';
import { sampleTuning } from './sample/tuning.ts';

/** Tuning of each kernel that has variants of the same bits. */
export const KERNEL_TUNINGS: readonly KernelTuning[] = [
  attentionTuning,
  attentionSplitTuning,
  sampleTuning,
  matmulTuning,
  matmulKVWriteTuning,
  normMatmulTuning,
  normMatmulKVWriteTuning,
  rmsnormMatmulTuning,
];

/** Buckets of all tunings, ascending: two numbers of rows between the same neighbours run the same variants. */
export const ROW_BUCKETS: readonly number[] = [
  ...new Set(KERNEL_TUNINGS.flatMap(({ buckets = {} }) => Object.values(buckets)).flatMap((rows) => rows ?? [])),
].toSorted((a, b) => a - b);

/** Returns the tuning of a kernel by its name; null for one without. */
export function tuningOf(kernel: string): KernelTuning | null {
  return KERNEL_TUNINGS.find(({ kernel: { name } }) => name === kernel) ?? null;
}
