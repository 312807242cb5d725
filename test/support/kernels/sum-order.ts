// Order of the sums of a norm in each reduction class, written out on the host.

import type { ReductionClass } from '../../../src/gpu/reduction.ts';
import { NORM_LANES as WIDTH } from '../../../src/kernels/layernorm/expected.ts';

/** Order of the sum of a row. */
export interface SumOrder {
  /** Length of a row that shows the order. */
  readonly C: number;
  /** Numbers of sums that the row is brought down to one after another. */
  readonly levels: readonly number[];
}

/** Order of a norm's sums in each class. */
export const NORM_ORDERS: Readonly<Record<ReductionClass, SumOrder>> = {
  software: { C: 4 * WIDTH, levels: [WIDTH] },
  gpu: { C: 2 ** 12, levels: [256, 16] },
};

/**
 * Sums a row in f32: term c goes to sum c % n of the first n, ascending; then neighbours are added, ascending, until their
 * number is that of the next level, and at last all.
 */
export function sumInOrder(row: Float32Array, [first = 1, ...others]: readonly number[]): number {
  let sums = new Float32Array(first);
  row.forEach((value, c) => {
    sums[c % first]! += value;
  });
  for (const count of [...others, 1]) {
    const next = new Float32Array(count);
    sums.forEach((value, i) => {
      next[Math.floor((i * count) / sums.length)]! += value;
    });
    sums = next;
  }
  return sums[0]!;
}
