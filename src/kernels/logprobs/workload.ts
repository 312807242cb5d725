// Workload of `logprobs`: rows that all ask for some of the most likely ids.
import type { KernelWorkloads } from '../kernel-workload.ts';
import { logprobs } from './logprobs.ts';

/** Most likely ids that a row asks for. */
const NUM_TOP = 5;

/** Workload of `logprobs`. */
export const logprobsWorkloads: KernelWorkloads<typeof logprobs.spec> = {
  kernel: logprobs,
  list: () => [{ name: `${NUM_TOP} most likely`, inputs: () => ({ data: { wanted: Uint32Array.of(1 + NUM_TOP) } }) }],
};
