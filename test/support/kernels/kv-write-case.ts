// Check of the kernel that writes keys and values, over scattered slots.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import { hostTensor } from '../../../src/kernels/kernel-case.ts';
import { kvWrite } from '../../../src/kernels/kv-write/kv-write.ts';
import { type CacheShape, PagedCache } from '../../../src/kernels/kv-write/paged-cache.ts';
import { normals, permutation } from '../../../src/util/random-values.ts';
import { expectSameBits } from './expect-within.ts';
import { runKernel } from './run-kernel.ts';

/** What every word of a cache holds before a run. */
export const UNWRITTEN = 0xdeadbeef;
const T = 7;

/** Tokens in slots spread over shuffled blocks, every third one padding. */
function slotsOf({ numBlocks, P }: CacheShape): Int32Array {
  const order = permutation(1, numBlocks * P);
  return Int32Array.from({ length: T }, (_, t) => (t % 3 === 2 ? -1 : order[t]!));
}

/** Expects each head of k and v in its slot, and nothing anywhere else. */
export async function checkKVWrite(
  device: Device,
  shape: CacheShape,
  kernel: Kernel<typeof kvWrite.spec> = kvWrite,
  tuning: VariantChoice = {},
): Promise<void> {
  const { H, D, dtype } = shape;
  const C = H * D;
  const exact = normals(2, T * 3 * C);
  // Numbers that f16 holds too, since WGSL leaves open how others are rounded.
  const qkv = dtype === 'f16' ? Float32Array.from(Float16Array.from(exact)) : exact;
  const slots = slotsOf(shape);
  const want = new PagedCache(shape, UNWRITTEN);
  slots.forEach((slot, t) => {
    const [key, value] = [1, 2].map((part) => qkv.subarray((3 * t + part) * C, (3 * t + part + 1) * C));
    if (slot >= 0) want.put(slot, key!, value!);
  });
  const kv = new PagedCache(shape, UNWRITTEN).operand;
  const operands = { qkv: hostTensor(qkv, T, 3 * C), slot_mapping: hostTensor(slots, T), kv };
  const choice = { ...tuning, conditions: { KV_F16: dtype === 'f16' } };
  expectSameBits(await runKernel(device, kernel, operands, { D }, choice), want.words, JSON.stringify(shape));
}
