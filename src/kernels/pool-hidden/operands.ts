// Operands of `pool_hidden` on the host: a row that starts, one that goes on, one of a single token, one of none, and slots of no row.
import { normals } from '../../util/random-values.ts';
import { hostTensor, type KernelOperands } from '../kernel-case.ts';
import { POOL_ROW_WORDS, type poolHidden } from './pool-hidden.ts';
import { type PoolRow, poolRowWords } from './pool-row.ts';

/** Tokens x[T, C], rows of them, and sums[S, C] as they are before. */
export interface PoolInputs {
  readonly x: Float32Array;
  readonly C: number;
  readonly rows: readonly PoolRow[];
  readonly sums: Float32Array;
}

const NUM_TOKENS = 23;
const ROWS: readonly PoolRow[] = [
  { first: 2, end: 13, slot: 4, isContinued: false },
  { first: 13, end: 20, slot: 1, isContinued: true },
  { first: 22, end: 23, slot: 0, isContinued: false },
  { first: 20, end: 20, slot: 2, isContinued: true },
];
const NUM_SLOTS = 6;

/** Makes 23 tokens of C, of which two are in no row. Half of the columns have sizes that leave little of a sum. */
export function poolInputs(seed: number, C: number): PoolInputs {
  const x = normals(seed, NUM_TOKENS * C).map((value, i) => (i % 2 === 0 ? value : value * 10 ** ((i % 9) - 4)));
  return { x, C, rows: ROWS, sums: normals(seed + 1, NUM_SLOTS * C) };
}

/** Operands of one dispatch. */
export function poolOperands({ x, C, rows, sums }: PoolInputs): KernelOperands<typeof poolHidden.spec> {
  return {
    tensors: {
      x: hostTensor(x, x.length / C, C),
      rows: hostTensor(Uint32Array.from(rows.flatMap(poolRowWords)), rows.length, POOL_ROW_WORDS),
      sums: hostTensor(sums, sums.length / C, C),
    },
    scalars: {},
    outputs: ['sums'],
  };
}
