// Check of the matmuls that take a norm in, against the norm and then the matmul, bit for bit, on rows that strain the norm.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { VariantChoice } from '../../../src/gpu/kernel-spec.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { scatteredSlots } from '../../../src/kernels/kv-write/operands.ts';
import { layernormInputs } from '../../../src/kernels/layernorm/operands.ts';
import type { ActivationName } from '../../../src/kernels/matmul/activation.ts';
import { matmulKVWrite } from '../../../src/kernels/matmul/matmul.ts';
import { normMatmulKVWrite } from '../../../src/kernels/matmul/norm-matmul.ts';
import {
  matmulConditions,
  matmulInputs,
  matmulOperands,
  normProjectionOperands,
  projectionOperands,
} from '../../../src/kernels/matmul/operands.ts';
import type { WeightDType } from '../../../src/kernels/weights/weight-tiles.ts';
import { compareBits } from '../../../src/testing/index.ts';
import { normals } from '../../../src/util/random-values.ts';
import { assertPasses } from '../assert-passes.ts';
import { LAYERNORM } from './layernorm-case.ts';
import { runMatmul } from './matmul-checks.ts';
import type { ProjectionShape } from './matmul-kv-write-case.ts';
import { type Norm, runNorm } from './norm-checks.ts';
import { runKernel, runOutputs } from './run-kernel.ts';

/** A matmul of rows of K to N columns, and its epilogue. */
export interface NormMatmulShape {
  readonly K: number;
  readonly N: number;
  readonly dtype: WeightDType;
  readonly activation?: ActivationName;
  readonly residual?: boolean;
}

/** Expects the words that the norm and then `matmul` leave. */
export async function checkNormMatmul(
  device: Device,
  norm: Norm,
  { K, N, dtype, activation, residual }: NormMatmulShape,
  choice: VariantChoice,
  kernel: Kernel = norm.inMatmul,
): Promise<void> {
  const rows = layernormInputs(K, K);
  const { x } = rows;
  const M = x.length / K;
  const inputs = {
    ...matmulInputs(K + 1, { M, K, N }, dtype),
    ...(activation && { activation }),
    ...(residual && { residual: normals(K + 2, M * N) }),
  };
  const normed = floatsOf(await runNorm(device, norm, rows));
  const want = await runMatmul(device, { ...inputs, x: normed });
  const { tensors, scalars } = norm.inMatmulOperands(matmulOperands({ ...inputs, x }), rows);
  const conditions = matmulConditions(inputs);
  const got = await runKernel(device, kernel, tensors, scalars, { ...choice, conditions });
  assertPasses(compareBits(got, want, { label: JSON.stringify({ K, N, dtype, ...choice }) }));
}

/** Expects the words that `layernorm` and then `matmul_kv_write` leave, in the output and in the cache. */
export async function checkNormMatmulKVWrite(
  device: Device,
  { K, weights, SHARE = 1, ...cache }: Omit<ProjectionShape, 'M'>,
  choice: VariantChoice,
  kernel: Kernel<typeof normMatmulKVWrite.spec> = normMatmulKVWrite,
): Promise<void> {
  const { x, ...norm } = layernormInputs(K, K);
  const M = x.length / K;
  const N = (SHARE + 2) * cache.G * cache.D;
  const inputs = { ...matmulInputs(5, { M, K, N }, weights), cache, slots: scatteredSlots(cache, M) };
  const conditions = { ...matmulConditions(inputs), KV_F16: cache.dtype === 'f16' };

  const normed = floatsOf(await runNorm(device, LAYERNORM, { x, ...norm }));
  const apart = projectionOperands({ ...inputs, x: normed });
  const want = await runOutputs(device, matmulKVWrite, apart.tensors, apart.scalars, { conditions });
  const { tensors, scalars } = normProjectionOperands(projectionOperands({ ...inputs, x }), norm);
  const got = await runOutputs(device, kernel, tensors, scalars, { ...choice, conditions });
  for (const [name, words] of Object.entries(want)) assertPasses(compareBits(got[name]!, words, { label: name }));
}
