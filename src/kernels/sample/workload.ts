// Workloads of the sampler: the most likely token, and a draw from the top of the distribution.
import type { DimsOf } from '../../gpu/kernel-spec.ts';
import type { KernelWorkloads, Workload } from '../kernel-workload.ts';
import { sample, sampleProbs } from './sample.ts';
import { sampleNaive } from './sample-naive.ts';
import { samplingWords } from './sampling-row.ts';

/** Filters of the rows by the name of the workload. */
const DRAWS = {
  greedy: { temperature: 0, topK: 0, topP: 1, minP: 0 },
  'top-p': { temperature: 0.7, topK: 0, topP: 0.9, minP: 0 },
} as const;

function draws({ R, X }: Required<Pick<DimsOf<typeof sample.spec>, 'R' | 'X'>>): Workload<typeof sample.spec>[] {
  return Object.entries(DRAWS).map(([name, filters]) => {
    const rows = () =>
      Array.from({ length: R }, (_, r) => samplingWords({ ...filters, seed: r, position: r, tokenSlot: r % X }));
    return { name, inputs: () => ({ data: { sampling: Uint32Array.from(rows().flat()) } }) };
  });
}

/** Workloads of `sample`. */
export const sampleWorkloads: KernelWorkloads<typeof sample.spec> = {
  kernel: sample,
  list: ({ dims }) => draws(dims),
};

/** Workloads of `sample_probs`. */
export const sampleProbsWorkloads: KernelWorkloads<typeof sampleProbs.spec> = {
  kernel: sampleProbs,
  list: ({ dims }) => draws(dims),
};

/** Workloads of `sample_naive`. */
export const sampleNaiveWorkloads: KernelWorkloads<typeof sampleNaive.spec> = {
  kernel: sampleNaive,
  list: ({ dims }) => draws(dims),
};
