import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import { floatsOf, hostTensor, unwritten } from '../../../src/kernels/kernel-case.ts';
import { kvWrite } from '../../../src/kernels/kv-write/kv-write.ts';
import { type CacheShape, PagedCache } from '../../../src/kernels/kv-write/paged-cache.ts';
import { matmul, matmulKVWrite } from '../../../src/kernels/matmul/matmul.ts';
import type { WeightDType } from '../../../src/kernels/weights/weight-tiles.ts';
import { permutation } from '../../../src/util/random-values.ts';
import { expectSameBits } from './expect-within.ts';
import { GuardedTensor } from './guarded-tensor.ts';
import { UNWRITTEN } from './kv-write-case.ts';
import { matmulConditions, matmulInputs, matmulOperands } from './matmul-case.ts';
import { runKernel } from './run-kernel.ts';

/** A projection of M tokens to q, k and v of a cache's heads. */
export interface ProjectionShape extends CacheShape {
  readonly M: number;
  readonly K: number;
  readonly weights: WeightDType;
}

/** Tokens in slots spread over shuffled blocks, every third one padding. */
function slotsOf({ M, numBlocks, P }: ProjectionShape): Int32Array {
  const order = permutation(1, numBlocks * P);
  return Int32Array.from({ length: M }, (_, m) => (m % 3 === 2 ? -1 : order[m]!));
}

/** Expects the cache that `matmul` and then `kv_write` leave, bit for bit, their q, and nothing in the columns of k and v. */
export async function checkMatmulKVWrite(
  device: Device,
  shape: ProjectionShape,
  kernel: Kernel<typeof matmulKVWrite.spec> = matmulKVWrite,
  tuning: VariantChoice = {},
): Promise<void> {
  const { M, K, H, D, dtype, weights } = shape;
  const [C, N] = [H * D, 3 * H * D];
  const inputs = matmulInputs(5, { M, K, N }, weights);
  const conditions = matmulConditions(weights);
  const KV_F16 = dtype === 'f16';
  const slots = hostTensor(slotsOf(shape), M);
  const cache = () => new PagedCache(shape, UNWRITTEN).operand;

  const sums = await runKernel(device, matmul, matmulOperands(inputs), {}, { conditions });
  const qkv = hostTensor(floatsOf(sums), M, N);
  const written = { qkv, slot_mapping: slots, kv: cache() };
  const want = await runKernel(device, kvWrite, written, { D }, { conditions: { KV_F16 } });

  using owned = new DisposableStack();
  const operands = Object.entries({ ...matmulOperands(inputs), slot_mapping: slots, kv: cache() });
  const guarded = Object.fromEntries(
    operands.map(([name, contents]) => [name, owned.use(new GuardedTensor(device, name, contents))]),
  );
  const tensors = Object.fromEntries(Object.entries(guarded).map(([name, { bound }]) => [name, bound]));
  const anyKernel: Kernel = kernel;
  const choice = { ...tuning, conditions: { ...conditions, ...tuning.conditions, KV_F16 } };
  await anyKernel.run(device, tensors, { D }, choice);
  const label = JSON.stringify({ ...shape, ...tuning });
  expectSameBits(await guarded.kv!.readWords(), want, `kv, ${label}`);
  const { data } = unwritten(M, N);
  const before = new Uint32Array(data.buffer);
  const ofQ = sums.map((word, i) => (i % N < C ? word : before[i]!));
  expectSameBits(await guarded.out!.readWords(), ofQ, `out, ${label}`);
}
