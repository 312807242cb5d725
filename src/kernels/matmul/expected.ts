// Right output of the matmul kernels: sums, activation and residual in float64, and the bound of each rounding on the way.
import { additionBound, halfBound, sumBound } from '../../reference/error-bounds.ts';
import { matmul } from '../../reference/operators.ts';
import { type Expected, floatsOf } from '../kernel-case.ts';
import { UNWRITTEN_SLOT } from '../kv-write/operands.ts';
import { cacheNumbers, PagedCache } from '../kv-write/paged-cache.ts';
import { storedValues } from '../weights/weight-tiles.ts';
import { activated } from './activation.ts';
import { type MatmulInputs, type ProjectionInputs, writtenColumns } from './operands.ts';

/** Columns whose sums are computed at a time, which bounds the memory of a large vocabulary. */
const CHUNK = 4096;

/** Rows x[M, K] in float64, and how far the kernel's may be from them; null for none. */
type Rows = Pick<Expected, 'want' | 'tolerance'>;

function rowsOf({ x }: MatmulInputs): Rows {
  return { want: new Float64Array(x), tolerance: null };
}

/**
 * Sums x · w + bias in float64 and their bound, [M, N]: `sumBound`, with the magnitudes that x may have, and what an error of x
 * becomes by |w|.
 */
function expectedSums(
  { M, K, N, dtype, w: given, bias }: MatmulInputs,
  { want: x64, tolerance: errors }: Rows,
): Expected {
  const w = storedValues(K, N, dtype, given, 'kn');
  const [want, tolerance] = [new Float64Array(M * N), new Float64Array(M * N)];
  const magnitudes = x64.map((value, i) => Math.abs(value) + (errors?.[i] ?? 0));
  for (let first = 0; first < N; first += CHUNK) {
    const size = Math.min(CHUNK, N - first);
    const shape = { M, K, N: size };
    const w64 = new Float64Array(K * size);
    for (let k = 0; k < K; k++) w64.set(w.subarray(k * N + first, k * N + first + size), k * size);
    const bias64 = new Float64Array(bias.subarray(first, first + size));
    const sums = matmul(x64, w64, bias64, shape);
    const absolute = w64.map(Math.abs);
    const sizes = matmul(magnitudes, absolute, bias64.map(Math.abs), shape);
    const moved = errors && matmul(errors, absolute, new Float64Array(size), shape);
    for (let m = 0; m < M; m++) {
      const part = (rows: Float64Array) => rows.subarray(m * size, (m + 1) * size);
      want.set(part(sums), m * N + first);
      const bounds = part(sizes).map((magnitude, i) => sumBound(magnitude, K) + (moved?.[m * size + i] ?? 0));
      tolerance.set(bounds, m * N + first);
    }
  }
  return { want, tolerance, toNumbers: floatsOf };
}

/**
 * out[M, O]: f(x · w + bias) (+ residual) in the columns that are written; the others keep what they hold.
 *
 * @param rows what the kernel multiplies in place of x, such as the norm of x.
 */
export function expectedMatmul(inputs: MatmulInputs, rows: Rows = rowsOf(inputs)): Expected {
  const { M, activation, residual } = inputs;
  const { O, first, count } = writtenColumns(inputs);
  const sums = expectedSums(inputs, rows);
  const { want: values, tolerance: bounds } = activation ? activated(activation, sums) : sums;
  const want = residual ? new Float64Array(residual) : new Float64Array(M * O).fill(Number.NaN);
  const tolerance = new Float64Array(M * O);
  for (const [i, value] of values.entries()) {
    const at = Math.floor(i / count) * O + first + (i % count);
    want[at] = residual ? residual[at]! + value : value;
    tolerance[at] = residual ? additionBound(bounds![i]!, want[at]!) : bounds![i]!;
  }
  return { want, tolerance, toNumbers: floatsOf };
}

/**
 * q in out[M, 3·H·D], whose other columns stay as they are, and k and v in the cache.
 *
 * @param rows as of `expectedMatmul`.
 */
export function expectedProjection(
  inputs: ProjectionInputs,
  rows: Rows = rowsOf(inputs),
): { readonly out: Expected; readonly kv: Expected } {
  const { M, N, K, cache, slots } = inputs;
  const { want: sums, tolerance } = expectedSums(inputs, rows);
  const C = N / 3;
  const isOfQ = (i: number) => i % N < C;
  const out = {
    want: sums.map((sum, i) => (isOfQ(i) ? sum : Number.NaN)),
    tolerance: tolerance!.map((bound, i) => (isOfQ(i) ? bound : 0)),
    toNumbers: floatsOf,
  };
  // The expected words of the cache are f32, which rounds once more.
  const kept = tolerance!.map((bound) => (bound * (K + 3)) / (K + 2));
  const stored = cache.dtype === 'f16' ? kept.map((bound, i) => halfBound(bound, sums[i]!)) : kept;
  const inSlots = (rows: Float64Array, unwritten: number) => {
    const filled = new PagedCache({ ...cache, dtype: 'f32' }, unwritten);
    const of = (m: number, part: number) => Float32Array.from(rows.subarray(m * N + part * C, m * N + (part + 1) * C));
    for (let m = 0; m < M; m++) if (slots[m]! >= 0) filled.put(slots[m]!, of(m, 1), of(m, 2));
    return new Float64Array(floatsOf(filled.words));
  };
  const kv = {
    want: inSlots(sums, UNWRITTEN_SLOT.f32),
    tolerance: inSlots(stored, 0),
    toNumbers: (words: Uint32Array) => cacheNumbers(words, cache.dtype),
  };
  return { out, kv };
}
