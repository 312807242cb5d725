// Job of every engine in the comparison of matmuls, and its result.
import type { Figure } from '../../src/util/figures.ts';
import { median } from '../../src/util/statistics.ts';

/** Rows of x. */
export const MATMUL_ROWS: readonly number[] = [1, 8];
/** Untimed runs before the timed ones. */
const WARM_UPS = 3;
const RUNS = 11;

/** Shape of w in out[M, N] = x[M, K] · w[K, N]. */
export interface WeightShape {
  readonly name: string;
  readonly K: number;
  readonly N: number;
}

/** Result of a multiplication: milliseconds from x on the host to out on the host, the median of the runs. */
export interface MatmulResult extends WeightShape {
  readonly M: number;
  readonly ms: Figure;
}

/** Times a multiplication after a warm-up. @param run multiplies from x on the host to out on the host. */
export async function timeMatmul(run: () => Promise<unknown>): Promise<Figure> {
  const samples: number[] = [];
  for (let i = 0; i < WARM_UPS + RUNS; i++) {
    const start = performance.now();
    await run();
    if (i >= WARM_UPS) samples.push(performance.now() - start);
  }
  return median(samples);
}
