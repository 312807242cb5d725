// Workloads of the embeddings: ids from all over the vocabulary, for each reads a row of its own.
import type { Sizes } from '../../gpu/kernel-spec.ts';
import type { KernelWorkloads } from '../kernel-workload.ts';
import { positionsOf } from '../step-tokens.ts';
import { embed, embedTokens } from './embed.ts';

/** Steps between neighbouring ids; a prime, so that they differ. */
const ID_STRIDE = 7919;

function idsOf({ T, N, first }: Sizes<'T' | 'N' | 'first'>): Int32Array {
  return Int32Array.from({ length: T }, (_, t) => first + ((t * ID_STRIDE) % N));
}

/** Workload of `embed`. */
export const embedWorkloads: KernelWorkloads<typeof embed.spec> = {
  kernel: embed,
  list: ({ dims }, step) => {
    return [{ name: null, inputs: () => ({ data: { token_ids: idsOf(dims), positions: positionsOf(step) } }) }];
  },
};

/** Workload of `embedTokens`. */
export const embedTokensWorkloads: KernelWorkloads<typeof embedTokens.spec> = {
  kernel: embedTokens,
  list: ({ dims }) => [{ name: null, inputs: () => ({ data: { token_ids: idsOf(dims) } }) }],
};
