// The kernels that a matmul with a norm stands for: the norm, and then the matmul.
import type { Variant, VariantChoice } from '../../gpu/kernel-spec.ts';
import { BETWEEN, type FusedPart, type KernelFusion } from '../kernel-fusion.ts';
import { layernorm } from '../layernorm/layernorm.ts';
import { rmsnorm } from '../rmsnorm/rmsnorm.ts';
import { matmul, matmulKVWrite } from './matmul.ts';
import { normMatmul, normMatmulKVWrite, rmsnormMatmul, takesNormIn, takesRmsnormIn } from './norm-matmul.ts';

const norm: FusedPart = {
  kernel: layernorm,
  tensors: { x: 'x', gamma: 'gamma', beta: 'beta', out: BETWEEN },
  scalars: ['eps'],
  choice: () => ({}),
};

const operands = { x: BETWEEN, w: 'w', bias: 'bias', out: 'out' } as const;

/** Returns the storage and epilogue of a matmul. */
function withoutNorm({ conditions: { NORM: _, RMS: __, ...conditions } }: Variant): VariantChoice {
  return { conditions };
}

const common = { like: 'x', pays: takesNormIn } as const;

/** Fusion of `normMatmul`. */
export const normMatmulFusion: KernelFusion<typeof normMatmul.spec> = {
  ...common,
  kernel: normMatmul,
  parts: [norm, { kernel: matmul, tensors: operands, scalars: ['first'], choice: withoutNorm }],
};

/** Fusion of `rmsnormMatmul`. */
export const rmsnormMatmulFusion: KernelFusion<typeof rmsnormMatmul.spec> = {
  like: 'x',
  pays: takesRmsnormIn,
  kernel: rmsnormMatmul,
  parts: [
    { kernel: rmsnorm, tensors: { x: 'x', gamma: 'gamma', out: BETWEEN }, scalars: ['eps'], choice: () => ({}) },
    { kernel: matmul, tensors: operands, scalars: ['first'], choice: withoutNorm },
  ],
};

/** Fusion of `normMatmulKVWrite`. */
export const normMatmulKVWriteFusion: KernelFusion<typeof normMatmulKVWrite.spec> = {
  ...common,
  kernel: normMatmulKVWrite,
  parts: [
    norm,
    {
      kernel: matmulKVWrite,
      tensors: { ...operands, slot_mapping: 'slot_mapping', kv: 'kv' },
      scalars: ['first', 'D'],
      choice: withoutNorm,
    },
  ],
};
