// Check of the matmul that writes keys and values into the cache and queries into its output.

import { modelVariants, type NamedVariant } from '../gpu/kernel-variants.ts';
import { floatsOf, unwritten } from '../kernels/kernel-case.ts';
import { cacheNumbers, PagedCache } from '../kernels/kv-write/paged-cache.ts';
import { fillsKVRow } from '../kernels/matmul/matmul.ts';
import { packWeight } from '../kernels/weights/pack-weight.ts';
import { storedValues, weightConditions } from '../kernels/weights/weight-tiles.ts';
import { halfBound, sumBound } from '../reference/error-bounds.ts';
import { matmulTransposed } from '../reference/operators.ts';
import { DEFAULT_BLOCK_SIZE as BLOCK_SIZE } from '../runtime/runner-sizes.ts';
import { MATMUL_BUCKETS, priorChoice } from '../tuning/matmul-tuning.ts';
import { Judge, type KernelReport } from './judge.ts';
import { randomValues } from './random-values.ts';
import { cacheShape, type Subject } from './subject.ts';
import { runOnce } from './tensors.ts';

/** The word of 1.875, or of two of them. */
const UNWRITTEN = { f32: 0x3ff00000, f16: 0x3f803f80 } as const;
/** Slots in three blocks, the ends of blocks among them, and padding. */
const NUM_BLOCKS = 3;
const SLOTS = [BLOCK_SIZE, 0, -1, NUM_BLOCKS * BLOCK_SIZE - 1, BLOCK_SIZE - 1, -1, 2 * BLOCK_SIZE + 5];

/**
 * The matmul that leaves q in its output and puts k and v of a few tokens into scattered slots. Of a model whose heads
 * don't fill the rows of the cache nothing is run: it does without the kernel.
 */
export async function checkMatmulKVWrite(subject: Subject): Promise<KernelReport> {
  const { device, kernels, config, dtype, kvDtype } = subject;
  const { headDim: D, hiddenSize: C } = config;
  const kernel = kernels.matmulKVWrite;
  const judge = new Judge(kernel.name);
  if (!fillsKVRow(D, kvDtype)) return judge.report();

  const [T, K, N] = [SLOTS.length, C, 3 * C];
  const x = randomValues(0, T * K);
  const w = storedValues(K, N, dtype, randomValues(1, N * K, 1 / Math.sqrt(K)), 'nk');
  const bias = randomValues(2, N);
  const [x64, w64] = [new Float64Array(x), new Float64Array(w)];
  const sums = matmulTransposed(x64, w64, { M: T, K, N }).map((sum, i) => sum + bias[i % N]!);
  const sizes = matmulTransposed(x64.map(Math.abs), w64.map(Math.abs), { M: T, K, N });
  // One more rounding, for what is expected of the cache is kept in f32.
  const bounds = sizes.map((size, i) => sumBound(size + Math.abs(bias[i % N]!), K + 1));
  const stored = kvDtype === 'f16' ? bounds.map((bound, i) => halfBound(bound, sums[i]!)) : bounds;

  using weight = packWeight(device, 'w', w, [K, N], { dtype, order: 'nk' });
  const tensors = {
    x: { data: x, shape: [T, K] },
    w: weight,
    bias: { data: bias, shape: [N] },
    out: unwritten(T, N),
    slot_mapping: { data: Int32Array.from(SLOTS), shape: [T] },
    kv: new PagedCache(cacheShape(config, kvDtype, NUM_BLOCKS), UNWRITTEN[kvDtype]).operand,
  };
  const conditions = { ...weightConditions(dtype), X_VEC4: K % 4 === 0, KV_F16: kvDtype === 'f16' };
  const model = MATMUL_BUCKETS.map((M) => priorChoice(device.traits, M));
  const variants = modelVariants(kernel, device.traits, { conditions }, model);
  const runs = (output: 'out' | 'kv', select: (words: Uint32Array) => Uint32Array) =>
    variants.map((variant: NamedVariant) => ({
      variant,
      what: `${output} of ${T} tokens`,
      run: async () =>
        select(await runOnce(device, { kernel, tensors, scalars: { D }, choice: variant.choice, output })),
    }));

  const isOfQ = (_: number, i: number) => i % N < C;
  await judge.check(
    runs('out', (words) => words.filter(isOfQ)),
    { want: sums.filter(isOfQ), tolerance: bounds.filter(isOfQ), toNumbers: floatsOf },
  );
  const cache = (rows: Float64Array, unwritten: number) => {
    const filled = new PagedCache(cacheShape(config, 'f32', NUM_BLOCKS), unwritten);
    const of = (t: number, part: number) => Float32Array.from(rows.subarray(t * N + part * C, t * N + (part + 1) * C));
    for (const [t, slot] of SLOTS.entries()) if (slot >= 0) filled.put(slot, of(t, 1), of(t, 2));
    return floatsOf(filled.words);
  };
  await judge.check(
    runs('kv', (words) => words),
    {
      want: cache(sums, UNWRITTEN.f32),
      tolerance: cache(stored, 0),
      toNumbers: (words) => cacheNumbers(words, kvDtype),
    },
  );
  return judge.report();
}
