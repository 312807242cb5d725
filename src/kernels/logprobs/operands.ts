// Operands of `logprobs` on the host, and rows that are hard to get right: ties, neighbours in f32, rows that ask for nothing.
import { normals } from '../../util/random-values.ts';
import { hostTensor, type KernelOperands } from '../kernel-case.ts';
import { LOGPROB_WORDS, type logprobs } from './logprobs.ts';

/** Row of logits [V], the id that was chosen, and the number of most likely ids asked for; null asks for nothing. */
export interface LogprobRow {
  readonly logits: Float32Array;
  readonly chosen: number;
  readonly numTop: number | null;
}

/** Word of `records` before a dispatch; no NaN as f32, so that it can be compared as a number. */
export const UNWRITTEN_RECORD = 0xdeadbeef;

/** Most likely ids that the rows ask for. */
const NUM_TOP = [20, 0, 20, 1, 20, 19, 20, null, 5, 20, 2, 3, 20] as const;

/** Makes R rows: steep, flat, rounded (many equal logits), far from zero, equal and neighbouring, each with another id. */
export function logprobRows(V: number, R: number = NUM_TOP.length): LogprobRow[] {
  const shapes: ((seed: number) => Float32Array)[] = [
    (seed) => normals(seed, V, 4),
    (seed) => normals(seed, V, 0.2),
    (seed) => normals(seed, V, 3).map(Math.round),
    (seed) => normals(seed, V, 2).map((logit) => logit - 90),
    (seed) => normals(seed, V).fill(-2.5),
    (seed) => normals(seed, V).map((logit, id) => (id === V >> 1 ? 60 : logit)),
    // The best ids are of one lane, and each has the next f32 after the one before it: no key lies between two ranks.
    (seed) => normals(seed, V).map((logit, id) => (id % 256 === 0 ? 60 + id * 2 ** -26 : logit)),
  ];
  return Array.from({ length: R }, (_, r) => ({
    logits: shapes[r % shapes.length]!(r),
    chosen: (r * 7919) % V,
    numTop: NUM_TOP[r % NUM_TOP.length]!,
  }));
}

/** Operands of one dispatch over rows of one length; the chosen ids lie three words apart. */
export function logprobOperands(rows: readonly LogprobRow[]): KernelOperands<typeof logprobs.spec> {
  const [R, V] = [rows.length, rows[0]!.logits.length];
  const logits = new Float32Array(R * V);
  for (const [r, row] of rows.entries()) logits.set(row.logits, r * V);
  const chosen = rows.flatMap((row) => [row.chosen, 1, UNWRITTEN_RECORD]);
  const wanted = Uint32Array.from(rows, ({ numTop }) => (numTop === null ? 0 : numTop + 1));
  return {
    tensors: {
      logits: hostTensor(logits, R, V),
      chosen: hostTensor(Uint32Array.from(chosen), R, 3),
      wanted: hostTensor(wanted, R),
      records: hostTensor(new Uint32Array(R * LOGPROB_WORDS).fill(UNWRITTEN_RECORD), R, LOGPROB_WORDS),
    },
    scalars: {},
    outputs: ['records'],
  };
}
