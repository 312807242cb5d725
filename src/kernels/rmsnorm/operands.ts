// Operands of `rmsnorm` on the host: the rows of `layernorm` strain its sum, too.
import { hostTensor, type KernelOperands, unwritten } from '../kernel-case.ts';
import { type LayernormInputs, layernormInputs } from '../layernorm/operands.ts';
import type { rmsnorm } from './rmsnorm.ts';

/** Rows x[M, C], gamma[C] and epsilon of one dispatch. */
export type RmsnormInputs = Omit<LayernormInputs, 'beta'>;

/** Makes one row of C for each of LAYERNORM_ROWS. */
export function rmsnormInputs(seed: number, C: number, eps = 1e-5): RmsnormInputs {
  const { beta: _, ...inputs } = layernormInputs(seed, C, eps);
  return inputs;
}

/** Operands of one dispatch. */
export function rmsnormOperands({ x, gamma, eps }: RmsnormInputs): KernelOperands<typeof rmsnorm.spec> {
  const C = gamma.length;
  const M = x.length / C;
  return {
    tensors: { x: hostTensor(x, M, C), gamma: hostTensor(gamma, C), out: unwritten(M, C) },
    scalars: { eps },
    outputs: ['out'],
  };
}
