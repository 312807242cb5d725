// Workload of `mask_logits`: each row has a mask, and few of its ids are allowed.
import { maskWords } from '../../core/constrained-ids.ts';
import type { KernelWorkloads } from '../kernel-workload.ts';
import { maskLogits } from './mask-logits.ts';

/** Workload of `mask_logits`. */
export const maskLogitsWorkloads: KernelWorkloads<typeof maskLogits.spec> = {
  kernel: maskLogits,
  list: ({ dims: { R, V, S } }) => {
    const rows = () => Uint32Array.from({ length: R }, (_, r) => r % S);
    // One id of each word.
    const inputs = () => ({ data: { rows: rows(), masks: new Uint32Array(maskWords(V)).fill(1) } });
    return [{ name: 'a mask a row', inputs }];
  },
};
