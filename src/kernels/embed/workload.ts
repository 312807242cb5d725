// Workload of `embed`: ids from all over the vocabulary, for each reads a row of its own.
import type { KernelWorkloads } from '../kernel-workload.ts';
import { positionsOf } from '../step-tokens.ts';
import { embed } from './embed.ts';

/** Steps between neighbouring ids; a prime, so that they differ. */
const ID_STRIDE = 7919;

/** Workload of `embed`. */
export const embedWorkloads: KernelWorkloads<typeof embed.spec> = {
  kernel: embed,
  list: ({ dims: { T, N, first } }, step) => {
    const ids = () => Int32Array.from({ length: T }, (_, t) => first + ((t * ID_STRIDE) % N));
    return [{ name: null, inputs: () => ({ data: { token_ids: ids(), positions: positionsOf(step) } }) }];
  },
};
