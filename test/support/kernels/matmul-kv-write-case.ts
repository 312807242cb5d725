// Check of the matmul that writes keys and values, against `matmul` and then `kv_write`, bit for bit.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import { floatsOf, unwritten } from '../../../src/kernels/kernel-case.ts';
import { kvWrite } from '../../../src/kernels/kv-write/kv-write.ts';
import { kvWriteOperands, scatteredSlots } from '../../../src/kernels/kv-write/operands.ts';
import type { CacheShape } from '../../../src/kernels/kv-write/paged-cache.ts';
import { matmul, matmulKVWrite } from '../../../src/kernels/matmul/matmul.ts';
import {
  matmulConditions,
  matmulInputs,
  matmulOperands,
  projectionOperands,
} from '../../../src/kernels/matmul/operands.ts';
import type { WeightDType } from '../../../src/kernels/weights/weight-tiles.ts';
import { compareBits } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { runKernel, runOutputs } from './run-kernel.ts';

/** A projection of M tokens to q, and to k and v of a cache's heads. */
export interface ProjectionShape extends CacheShape {
  /** Query heads of a head of keys; default: 1. */
  readonly SHARE?: number;
  readonly M: number;
  readonly K: number;
  readonly weights: WeightDType;
}

/** Expects the cache that `matmul` and then `kv_write` leave, bit for bit, their q, and nothing in the columns of k and v. */
export async function checkMatmulKVWrite(
  device: Device,
  shape: ProjectionShape,
  kernel: Kernel<typeof matmulKVWrite.spec> = matmulKVWrite,
  tuning: VariantChoice = {},
): Promise<void> {
  const { M, K, G, SHARE = 1, D, dtype, weights } = shape;
  const H = G * SHARE;
  const [C, N] = [H * D, (H + 2 * G) * D];
  const cache = { numBlocks: shape.numBlocks, G, P: shape.P, D, dtype };
  const inputs = { ...matmulInputs(5, { M, K, N }, weights), cache, slots: scatteredSlots(shape, M) };
  const conditions = matmulConditions(inputs);
  const KV_F16 = dtype === 'f16';

  const plain = matmulOperands(inputs);
  const sums = await runKernel(device, matmul, plain.tensors, plain.scalars, { conditions });
  const written = kvWriteOperands({ qkv: floatsOf(sums), slots: inputs.slots, cache, O: N });
  const want = await runKernel(device, kvWrite, written.tensors, written.scalars, { conditions: { KV_F16 } });

  const { tensors, scalars } = projectionOperands(inputs);
  const choice = { ...tuning, conditions: { ...conditions, ...tuning.conditions, KV_F16 } };
  const { kv, out } = await runOutputs(device, kernel, tensors, scalars, choice);
  const label = JSON.stringify({ ...shape, ...tuning });
  assertPasses(compareBits(kv!, want, { label: `kv, ${label}` }));
  const { data } = unwritten(M, N);
  const before = new Uint32Array(data.buffer);
  const ofQ = sums.map((word, i) => (i % N < C ? word : before[i]!));
  assertPasses(compareBits(out!, ofQ, { label: `out, ${label}` }));
}
