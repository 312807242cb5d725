// The kernels that have variants to choose from, and the operands on which these are compared.
import { attentionSplitVerification, attentionVerification } from './attention/verification.ts';
import type { KernelVerification } from './kernel-verification.ts';
import {
  matmulKVWriteVerification,
  matmulVerification,
  normMatmulKVWriteVerification,
  normMatmulVerification,
  rmsnormMatmulVerification,
} from './matmul/verification.ts';
import type { sample } from './sample/sample.ts';
import { sampleTuning } from './sample/tuning.ts';

/** Verification of the sampler, on the rows that it is timed on. */
const sampleVerification: KernelVerification<typeof sample.spec, 'V'> = {
  tuning: sampleTuning,
  sizes: ['V'],
  operands: (dispatch) => sampleTuning.operands(dispatch),
};

/** Verification of each kernel that has variants of the same bits. */
export const KERNEL_VERIFICATIONS: readonly KernelVerification[] = [
  attentionVerification,
  attentionSplitVerification,
  sampleVerification,
  matmulVerification,
  matmulKVWriteVerification,
  normMatmulVerification,
  normMatmulKVWriteVerification,
  rmsnormMatmulVerification,
];
