// The kernels that layers, head and sampler are made of, in one object, so that one of them can be replaced by another.

import { adjustLogits } from '../kernels/adjust-logits/adjust-logits.ts';
import { attention, attentionFold, attentionSplit } from '../kernels/attention/attention.ts';
import { embed, embedTokens } from '../kernels/embed/embed.ts';
import { gatherRows } from '../kernels/gather-rows/gather-rows.ts';
import { kvWrite } from '../kernels/kv-write/kv-write.ts';
import { layernorm } from '../kernels/layernorm/layernorm.ts';
import { logprobs } from '../kernels/logprobs/logprobs.ts';
import { maskLogits } from '../kernels/mask-logits/mask-logits.ts';
import { matmul, matmulKVWrite } from '../kernels/matmul/matmul.ts';
import { normMatmul, normMatmulKVWrite, rmsnormMatmul } from '../kernels/matmul/norm-matmul.ts';
import { poolHidden } from '../kernels/pool-hidden/pool-hidden.ts';
import { rmsnorm } from '../kernels/rmsnorm/rmsnorm.ts';
import { normRopeKVWrite, ropeKVWrite } from '../kernels/rope-kv-write/rope-kv-write.ts';
import { sample } from '../kernels/sample/sample.ts';

/** The kernels of a model's step. Research and tests may put others of the same declaration in their places. */
export const modelKernels = {
  embed,
  embedTokens,
  layernorm,
  rmsnorm,
  matmul,
  matmulKVWrite,
  normMatmul,
  normMatmulKVWrite,
  rmsnormMatmul,
  kvWrite,
  ropeKVWrite,
  normRopeKVWrite,
  attention,
  attentionSplit,
  attentionFold,
  poolHidden,
  gatherRows,
  adjustLogits,
  maskLogits,
  sample,
  logprobs,
};

/** The kernels of a model by name, each of which may be replaced. */
export type ModelKernels = typeof modelKernels;
