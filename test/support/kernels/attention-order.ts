// Checks of the order of attention's sums, by numbers that cancel: a sum is then its rounding errors.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { attention, TILE_KEYS as KEYS } from '../../../src/kernels/attention/attention.ts';
import { AttentionStep, scoreScale } from '../../../src/kernels/attention/operands.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import type { KVDType } from '../../../src/kernels/kv-write/kv-write.ts';
import { type AttentionSums, REDUCTIONS } from '../../../src/kernels/reductions.ts';
import { softmax } from '../../../src/reference/operators.ts';
import { compareWithin } from '../../../src/testing/index.ts';
import { normals } from '../../../src/util/random-values.ts';
import { assertPasses } from '../assert-passes.ts';
import { runWhole } from './attention-case.ts';

const U = 2 ** -24;
const SHAPE = { G: 1, D: 36, P: 5 } as const;
const { D } = SHAPE;
/** Returns the keys of three splits, the last with a whole tile and a part of one. */
function threeSplits({ splitKeys }: AttentionSums): number {
  return 2 * splitKeys + 43;
}

/**
 * Small numbers between large ones that cancel in pairs far apart: a sum along a row, or down a column, is its rounding
 * errors and hangs on its order. All are f16 numbers.
 */
function cancelling(seed: number, rows: number, columns: number, along: 'row' | 'column'): Float32Array {
  const large = normals(seed, rows * columns, 2 ** 13);
  const small = normals(seed + 1, rows * columns);
  return Float32Array.from(small, (value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    const [place, length] = along === 'row' ? [column, columns] : [row, rows];
    const mirror = length - 1 - place;
    if (Math.min(place, mirror) % 2 === 1 || place === mirror) return Math.f16round(value);
    const other = along === 'row' ? row * columns + mirror : mirror * columns + column;
    return Math.f16round(place < mirror ? large[i]! : -large[other]!);
  });
}

/**
 * Expects the sums in the order that the kernel promises. Scores: the dot over d ascends; every q is 1, so that products
 * are exact.
 */
export async function checkScoreOrder(
  device: Device,
  dtype: KVDType,
  kernel: Kernel<typeof attention.spec> = attention,
): Promise<void> {
  const sums = REDUCTIONS[device.traits.reduction];
  const context = threeSplits(sums);
  const scale = scoreScale(D);
  const k = cancelling(11, context, D, 'row');
  const v = normals(13, context * D).map(Math.f16round);
  const q = new Float32Array(D).fill(1);
  const step = new AttentionStep({ ...SHAPE, dtype, sums }, [{ context: context, queries: 1, q, k, v }]);
  const scores = Float64Array.from({ length: context }, (_, j) => {
    const dot = k.subarray(j * D, (j + 1) * D).reduce((sum, value) => Math.fround(sum + value), 0);
    return dot * scale;
  });
  const weights = softmax(scores);
  const spread = scores.reduce((a, b) => Math.max(a, b)) - scores.reduce((a, b) => Math.min(a, b));
  const want = Float64Array.from({ length: D }, (_, d) => weights.reduce((sum, p, j) => sum + p * v[j * D + d]!, 0));
  const size = Float64Array.from({ length: D }, (_, d) =>
    weights.reduce((sum, p, j) => sum + p * Math.abs(v[j * D + d]!), 0),
  );
  // Each exp as in `attentionBound`, the scores themselves to two roundings; the sums as there.
  const relative = (6 * (context / KEYS + context / sums.splitKeys + 3) + 7 * spread + 2 * (KEYS + context / KEYS)) * U;
  const got = floatsOf(await runWhole(device, step, { ROWS: 1 }, kernel));
  assertPasses(
    compareWithin(
      got,
      want,
      size.map((value) => 2 * relative * value),
      { label: 'order of the scores' },
    ),
  );
}

/**
 * Expects the sums in the order that the kernel promises. Values: all q are 0, so that every p is 1; o sums up a tile, then
 * the tiles of a split, then the splits, in groups where there are any, each ascending.
 */
export async function checkValueOrder(
  device: Device,
  kernel: Kernel<typeof attention.spec> = attention,
): Promise<void> {
  const sums = REDUCTIONS[device.traits.reduction];
  const { splitKeys, groupKeys } = sums;
  const context = sums.groupKeys + threeSplits(sums);
  const v = cancelling(17, context, D, 'column');
  const [q, k] = [new Float32Array(D), normals(19, context * D)];
  const step = new AttentionStep({ ...SHAPE, dtype: 'f32', sums }, [{ context: context, queries: 1, q, k, v }]);
  const want = Float64Array.from({ length: D }, (_, d) => {
    const sumFrom = (start: number, keys: readonly number[]): number => {
      const [step, ...inner] = keys;
      if (step === undefined) return v[start * D + d]!;
      let sum = 0;
      for (let at = start; at < Math.min(start + step, context); at += inner[0] ?? 1) {
        sum = Math.fround(sum + sumFrom(at, inner));
      }
      return sum;
    };
    const groups = groupKeys > 0 ? [groupKeys] : [];
    return sumFrom(0, [context, ...groups, splitKeys, KEYS]) / context;
  });
  const got = floatsOf(await runWhole(device, step, { ROWS: 1 }, kernel));
  // exp(0) is exact; the division errs by 2.5 units.
  assertPasses(
    compareWithin(
      got,
      want,
      want.map((value) => 6 * U * Math.abs(value)),
      { label: 'order of the values' },
    ),
  );
}
