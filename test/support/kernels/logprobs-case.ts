import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { LOGPROB_WORDS, logprobs } from '../../../src/kernels/logprobs/logprobs.ts';
import { logSoftmax } from '../../../src/reference/operators.ts';
import { normals } from '../../../src/util/random-values.ts';
import { operand } from './guarded-tensor.ts';
import { floatsOf, runKernel } from './run-kernel.ts';

/** One row of logits [V], the id that was chosen, and how many of the most likely are asked for; null asks for nothing. */
export interface LogprobRow {
  readonly logits: Float32Array;
  readonly chosen: number;
  readonly numTop: number | null;
}

const GARBAGE = 0xdeadbeef;

/** Words of records[R, LOGPROB_WORDS]; what is not written stays GARBAGE. */
export function runLogprobs(
  device: Device,
  rows: readonly LogprobRow[],
  kernel: Kernel<typeof logprobs.spec> = logprobs,
  LANES?: number,
): Promise<Uint32Array> {
  const [R, V] = [rows.length, rows[0]!.logits.length];
  const operands = {
    logits: operand(Float32Array.from(rows.flatMap(({ logits }) => [...logits])), R, V),
    chosen: operand(Uint32Array.from(rows.flatMap(({ chosen }) => [chosen, 1, GARBAGE])), R, 3),
    wanted: operand(
      Uint32Array.from(rows, ({ numTop }) => (numTop === null ? 0 : numTop + 1)),
      R,
    ),
    records: operand(new Uint32Array(R * LOGPROB_WORDS).fill(GARBAGE), R, LOGPROB_WORDS),
  };
  return runKernel(device, kernel, operands, {}, LANES === undefined ? {} : { overrides: { LANES } });
}

/** Steep, flat, rounded (many equal logits), far from zero, equal and neighbouring rows, each with another id and number. */
export function logprobRows(V: number): LogprobRow[] {
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
  const numbers = [20, 0, 20, 1, 20, 19, 20, null, 5, 20, 2, 3, 20];
  return numbers.map((numTop, r) => ({
    logits: shapes[r % shapes.length]!(r),
    chosen: (r * 7919) % V,
    numTop,
  }));
}

/**
 * Expects the records of rows of V that float64 gives, and the ids of the most likely exactly. Distances of up to 80
 * round by 4e-6, and so does their sum with a logarithm below 11, which errs by 1e-6 more; the fixed-point sum of 50257
 * weights errs by far less.
 */
export async function checkLogprobs(
  device: Device,
  V: number,
  kernel: Kernel<typeof logprobs.spec> = logprobs,
): Promise<void> {
  const rows = logprobRows(V);
  const words = await runLogprobs(device, rows, kernel);
  for (const [r, { logits, chosen, numTop }] of rows.entries()) {
    const record = words.slice(r * LOGPROB_WORDS, (r + 1) * LOGPROB_WORDS);
    const want = logSoftmax(Float64Array.from(logits));
    const order = [...want.keys()].sort((a, b) => logits[b]! - logits[a]!);
    const top = numTop === null ? [] : order.slice(0, Math.min(numTop, V));
    const ids = numTop === null ? [] : [chosen, ...top];
    const places = ids.map((_, i) => 2 * i);
    const label = `row ${r}, ${numTop} of ${V}`;
    expect([...record].filter((_, i) => i % 2 === 1).slice(0, top.length), label).toEqual(top);
    for (const [i, place] of places.entries()) {
      const error = Math.abs(floatsOf(record)[place]! - want[ids[i]!]!);
      expect(error, `${label}, word ${place}`).toBeLessThan(1e-5);
    }
    const numWritten = numTop === null ? 0 : 1 + 2 * top.length;
    expect(new Set(record.slice(numWritten)), `${label}: words behind`).toEqual(
      new Set(numWritten < LOGPROB_WORDS ? [GARBAGE] : []),
    );
  }
}

/** The least f32. */
const LEAST = -(2 - 2 ** -23) * 2 ** 127;

/** Logits whose distances are no f32, and where they are; then logits that are not finite: NaN. */
const EXTREMES: readonly (readonly [logits: readonly number[], want: readonly number[]])[] = [
  [
    [3e38, -3e38, 0, 1],
    [0, LEAST, -3e38, -3e38],
  ],
  [
    [-3e38, 3e38, -3e38, 3e38],
    [LEAST, -Math.LN2, LEAST, -Math.LN2],
  ],
  [[-3e38, -3e38, -3e38, -3e38], Array(4).fill(-Math.log(4))],
  [
    [1.7e38, -1.7e38, 0, 0],
    [0, -3.4e38, -1.7e38, -1.7e38],
  ],
  [
    [-LEAST, LEAST, -LEAST, LEAST],
    [-Math.LN2, LEAST, -Math.LN2, LEAST],
  ],
  ...[Number.NaN, -Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(
    (logit): readonly [number[], number[]] => [[1, logit, 2, 0], Array(4).fill(Number.NaN)],
  ),
];

/** Expects finite log-probabilities of the greatest and least logits, of each id and of the most likely, and NaN of others. */
export async function checkExtremeLogprobs(
  device: Device,
  kernel: Kernel<typeof logprobs.spec> = logprobs,
): Promise<void> {
  for (const [logits, want] of EXTREMES) {
    const row = Float32Array.from(logits);
    // A NaN of either sign: the greatest and the least of keys.
    const bits = new Uint32Array(row.buffer);
    for (const sign of Number.isNaN(want[0]) ? [0, 0x80000000] : [0]) {
      if (Number.isNaN(row[1])) bits[1] = 0x7fc00000 + sign;
      const rows = logits.map((_, chosen) => ({ logits: row, chosen, numTop: 4 }));
      const records = floatsOf(await runLogprobs(device, rows, kernel));
      const label = `log-probabilities of ${logits}`;
      for (const [chosen, logprob] of want.entries()) expectNear(records[chosen * LOGPROB_WORDS]!, logprob, label);
      const top = [2, 4, 6, 8].map((place) => records[place]!);
      for (const [rank, logprob] of want.toSorted((a, b) => b - a).entries()) expectNear(top[rank]!, logprob, label);
    }
  }
}

function expectNear(got: number, want: number, label: string): void {
  if (Number.isNaN(want)) expect(got, label).toBeNaN();
  // Two roundings, and the error of the logarithm.
  else
    expect(Math.abs(got - want), `${label}: ${got} for ${want}`).toBeLessThanOrEqual(1e-6 + 2 ** -22 * Math.abs(want));
}
