// Workload of `pool_hidden`: the tokens of the step, shared out among the rows.
import { ceilDiv } from '../../util/math.ts';
import type { KernelWorkloads } from '../kernel-workload.ts';
import { poolHidden } from './pool-hidden.ts';
import { poolRowWords } from './pool-row.ts';

/** Workload of `pool_hidden`. */
export const poolHiddenWorkloads: KernelWorkloads<typeof poolHidden.spec> = {
  kernel: poolHidden,
  list: ({ dims: { R, T } }) => {
    const each = ceilDiv(T, R);
    const rowOf = (r: number) => {
      const [first, end] = [Math.min(r * each, T), Math.min((r + 1) * each, T)];
      return poolRowWords({ first, end, slot: r, isContinued: true });
    };
    const rows = () => Uint32Array.from(Array.from({ length: R }, (_, r) => rowOf(r)).flat());
    return [{ name: 'tokens', inputs: () => ({ data: { rows: rows() } }) }];
  },
};
