// Check of the kernel that writes keys and values, over scattered slots.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import { filledCache } from '../../../src/kernels/kv-write/expected.ts';
import { kvWrite } from '../../../src/kernels/kv-write/kv-write.ts';
import { kvWriteInputs, kvWriteOperands } from '../../../src/kernels/kv-write/operands.ts';
import type { CacheShape } from '../../../src/kernels/kv-write/paged-cache.ts';
import { compareBits } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { runKernel } from './run-kernel.ts';

/** Expects each head of k and v in its slot, and nothing anywhere else. */
export async function checkKVWrite(
  device: Device,
  { H, ...shape }: CacheShape & { readonly H: number },
  kernel: Kernel<typeof kvWrite.spec> = kvWrite,
  tuning: VariantChoice = {},
): Promise<void> {
  const inputs = kvWriteInputs(2, shape, { O: (H + 2 * shape.G) * shape.D });
  const { tensors, scalars } = kvWriteOperands(inputs);
  const choice = { ...tuning, conditions: { KV_F16: shape.dtype === 'f16' } };
  const got = await runKernel(device, kernel, tensors, scalars, choice);
  assertPasses(compareBits(got, filledCache(inputs).words, { label: JSON.stringify(shape) }));
}
