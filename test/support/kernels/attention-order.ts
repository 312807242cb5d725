// Checks of the order of attention's sums, by numbers that cancel: a sum is then its rounding errors.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { attention, TILE_KEYS as KEYS, SPLIT_KEYS } from '../../../src/kernels/attention/attention.ts';
import { AttentionStep, scoreScale } from '../../../src/kernels/attention/operands.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import type { KVDType } from '../../../src/kernels/kv-write/kv-write.ts';
import { softmax } from '../../../src/reference/operators.ts';
import { normals } from '../../../src/util/random-values.ts';
import { runWhole } from './attention-case.ts';
import { expectWithin } from './expect-within.ts';

const U = 2 ** -24;
const SHAPE = { H: 1, D: 36, P: 5 } as const;
const { D } = SHAPE;
/** Three splits, the last with a whole tile and a part of one. */
const CONTEXT = 2 * SPLIT_KEYS + 43;

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
  const scale = scoreScale(D);
  const k = cancelling(11, CONTEXT, D, 'row');
  const v = normals(13, CONTEXT * D).map(Math.f16round);
  const q = new Float32Array(D).fill(1);
  const step = new AttentionStep({ ...SHAPE, dtype }, [{ context: CONTEXT, queries: 1, q, k, v }]);
  const scores = Float64Array.from({ length: CONTEXT }, (_, j) => {
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
  const relative = (6 * (CONTEXT / KEYS + 4) + 7 * spread + 2 * (KEYS + CONTEXT / KEYS)) * U;
  const got = floatsOf(await runWhole(device, step, { ROWS: 1, LANES: 8 }, kernel));
  expectWithin(
    got,
    want,
    size.map((value) => 2 * relative * value),
    'order of the scores',
  );
}

/**
 * Expects the sums in the order that the kernel promises. Values: all q are 0, so that every p is 1; o sums up a tile, then
 * the tiles of a split, then the splits, each ascending.
 */
export async function checkValueOrder(
  device: Device,
  kernel: Kernel<typeof attention.spec> = attention,
): Promise<void> {
  const v = cancelling(17, CONTEXT, D, 'column');
  const [q, k] = [new Float32Array(D), normals(19, CONTEXT * D)];
  const step = new AttentionStep({ ...SHAPE, dtype: 'f32' }, [{ context: CONTEXT, queries: 1, q, k, v }]);
  const want = Float64Array.from({ length: D }, (_, d) => {
    let folded = 0;
    for (let split = 0; split < CONTEXT; split += SPLIT_KEYS) {
      let o = 0;
      for (let tile = split; tile < Math.min(split + SPLIT_KEYS, CONTEXT); tile += KEYS) {
        let sum = 0;
        for (let j = tile; j < Math.min(tile + KEYS, CONTEXT); j++) sum = Math.fround(sum + v[j * D + d]!);
        o = Math.fround(o + sum);
      }
      folded = Math.fround(folded + o);
    }
    return folded / CONTEXT;
  });
  const got = floatsOf(await runWhole(device, step, { ROWS: 1, LANES: 8 }, kernel));
  // exp(0) is exact; the division errs by 2.5 units.
  expectWithin(
    got,
    want,
    want.map((value) => 6 * U * Math.abs(value)),
    'order of the values',
  );
}
