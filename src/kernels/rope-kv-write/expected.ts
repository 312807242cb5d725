// Right output of the kernels that rotate: in float64, with the bound of each rounding.
import { halfBound } from '../../reference/error-bounds.ts';
import { type Expected, floatsOf } from '../kernel-case.ts';
import { kvRowWords } from '../kv-write/kv-write.ts';
import { UNWRITTEN_SLOT } from '../kv-write/operands.ts';
import { cacheNumbers, PagedCache } from '../kv-write/paged-cache.ts';
import type { RopeInputs } from './operands.ts';

/** Unit roundoff of f32. */
const U = 2 ** -24;

/** Numbers in float64, and how far the kernel's may be from them. */
interface Row {
  readonly want: Float64Array;
  readonly tolerance: Float64Array;
}

/**
 * Divides a head by its root mean square. The sum of D squares errs by D + 1 roundings, half of which reach its root; mean, eps,
 * root and its inverse add what WGSL grants inverseSqrt, 2 units of 2 u, and 3 roundings; two products are rounded.
 */
function normalized(x: Float64Array, gamma: Float32Array, eps: number): Row {
  const D = x.length;
  const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / D + eps);
  const want = x.map((value, d) => value * scale * gamma[d]!);
  const relative = ((D + 1) / 2 + 4 + 3 + 2) * U;
  return { want, tolerance: want.map((value) => relative * Math.abs(value)) };
}

/** Rotates a head by a row of cosines and sines: two products and their sum are rounded once each. */
function rotated({ want: x, tolerance: errors }: Row, angles: Float32Array): Row {
  const numPairs = x.length / 2;
  const [want, tolerance] = [new Float64Array(x.length), new Float64Array(x.length)];
  for (let d = 0; d < x.length; d++) {
    const [pair, partner] = [d % numPairs, (d + numPairs) % x.length];
    const [cos, sin] = [angles[pair]!, angles[numPairs + pair]!];
    const products = [x[d]! * cos, (d < numPairs ? -x[partner]! : x[partner]!) * sin] as const;
    want[d] = products[0] + products[1];
    const magnitude = Math.abs(products[0]) + Math.abs(products[1]);
    tolerance[d] = errors[d]! * Math.abs(cos) + errors[partner]! * Math.abs(sin) + 2 * U * magnitude + 2 ** -126;
  }
  return { want, tolerance };
}

/** Turns the heads of a token: queries and keys after their norms if they have some, values not at all. */
function turned({ qkv, rope, positions, cache: { G, D }, H, norms }: RopeInputs, t: number): Row[] {
  const heads = H + 2 * G;
  const angles = rope.subarray(positions[t]! * D, (positions[t]! + 1) * D);
  return Array.from({ length: heads }, (_, head) => {
    const start = (t * heads + head) * D;
    const x = Float64Array.from(qkv.subarray(start, start + D));
    const exact = { want: x, tolerance: new Float64Array(D) };
    if (head >= H + G) return exact;
    return rotated(norms === null ? exact : normalized(x, head < H ? norms.q : norms.k, norms.eps), angles);
  });
}

/** qkv[T, (H + 2·G)·D] with rotated queries, and keys and values in the cache. */
export function expectedRope(inputs: RopeInputs): { readonly qkv: Expected; readonly kv: Expected } {
  const { qkv, slots, cache, H } = inputs;
  const { G, D, dtype } = cache;
  const [want, tolerance] = [Float64Array.from(qkv), new Float64Array(qkv.length)];
  // The cache as f32, an element for each that a row of the storage has room for.
  const isHalf = dtype === 'f16';
  const rowLength = kvRowWords(D, dtype) * (isHalf ? 2 : 1);
  const numbers = { ...cache, D: rowLength, dtype: 'f32' } as const;
  const filled = new PagedCache(numbers, UNWRITTEN_SLOT.f32);
  const allowed = new PagedCache(numbers, 0);
  for (const [t, slot] of slots.entries()) {
    const rows = turned(inputs, t);
    for (const [head, row] of rows.slice(0, H).entries()) {
      const start = (t * rows.length + head) * D;
      want.set(row.want, start);
      tolerance.set(row.tolerance, start);
    }
    if (slot < 0) continue;
    const keys = rows.slice(H).map(({ want, tolerance }) => ({
      // The expected words of the cache are f32, which rounds once more.
      bounds: tolerance.map((error, d) => (isHalf ? halfBound(error, want[d]!) : error) + U * Math.abs(want[d]!)),
      want,
    }));
    const join = (each: readonly Float64Array[]) => {
      const joined = new Float32Array(each.length * rowLength);
      for (const [g, row] of each.entries()) joined.set(row, g * rowLength);
      return joined;
    };
    const put = (to: PagedCache, each: readonly Float64Array[]) =>
      to.put(slot, join(each.slice(0, G)), join(each.slice(G)));
    put(
      filled,
      keys.map(({ want }) => want),
    );
    put(
      allowed,
      keys.map(({ bounds }) => bounds),
    );
  }
  return {
    qkv: { want, tolerance, toNumbers: floatsOf },
    kv: {
      want: new Float64Array(floatsOf(filled.words)),
      tolerance: new Float64Array(floatsOf(allowed.words)),
      toNumbers: (words) => cacheNumbers(words, dtype),
    },
  };
}
