// Check of the kernel that writes keys and values: exact words in some slots, untouched ones in all others.

import { allVariants } from '../gpu/kernel-variants.ts';
import { cacheNumbers, PagedCache } from '../kernels/kv-write/paged-cache.ts';
import { DEFAULT_BLOCK_SIZE as BLOCK_SIZE } from '../runtime/runner-sizes.ts';
import { Judge, type KernelReport } from './judge.ts';
import { randomValues } from './random-values.ts';
import { cacheShape, type Subject } from './subject.ts';
import { runOnce } from './tensors.ts';

/** A word that is an ordinary number in f32 and in f16. */
const UNWRITTEN = 0x3f803f80;
/** Slots in three blocks, the ends of blocks among them, and padding. */
const NUM_BLOCKS = 3;
const SLOTS = [BLOCK_SIZE, 0, -1, NUM_BLOCKS * BLOCK_SIZE - 1, BLOCK_SIZE - 1, -1, 2 * BLOCK_SIZE + 5];

/** Keys and values of a few tokens into scattered slots, and nothing into any other. */
export async function checkKVWrite({ device, kernels, config, kvDtype }: Subject): Promise<KernelReport> {
  const { headDim: D, hiddenSize: C } = config;
  const kernel = kernels.kvWrite;
  const T = SLOTS.length;
  // Numbers that f16 holds too, since WGSL leaves open how others are rounded.
  const qkv = randomValues(1, T * 3 * C, 1, kvDtype);
  const cache = () => new PagedCache(cacheShape(config, kvDtype, NUM_BLOCKS), UNWRITTEN);
  const filled = cache();
  for (const [t, slot] of SLOTS.entries()) {
    const row = qkv.subarray(t * 3 * C, (t + 1) * 3 * C);
    if (slot >= 0) filled.put(slot, row.subarray(C, 2 * C), row.subarray(2 * C));
  }
  const tensors = {
    qkv: { data: qkv, shape: [T, 3 * C] },
    slot_mapping: { data: Int32Array.from(SLOTS), shape: [T] },
    kv: cache().operand,
  };
  const judge = new Judge(kernel.name);
  const fixed = { conditions: { KV_F16: kvDtype === 'f16' } };
  const runs = allVariants(kernel, device.traits, fixed).map((variant) => ({
    variant,
    what: `${T} tokens`,
    run: () => runOnce(device, { kernel, tensors, scalars: { D }, choice: variant.choice, output: 'kv' }),
  }));
  const toNumbers = (words: Uint32Array) => cacheNumbers(words, kvDtype);
  await judge.check(runs, { want: toNumbers(filled.words), tolerance: null, toNumbers });
  return judge.report();
}
