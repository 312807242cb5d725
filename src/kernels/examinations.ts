// The examination of each kernel of a model, in the order of a step.
import { examineAdjustLogits } from './adjust-logits/examination.ts';
import { examineAttention } from './attention/examination.ts';
import { examineEmbed, examineEmbedTokens } from './embed/examination.ts';
import type { Examination, ModelWork } from './examination.ts';
import { examineGatherRows } from './gather-rows/examination.ts';
import { examineKVWrite } from './kv-write/examination.ts';
import { kvWrite } from './kv-write/kv-write.ts';
import { examineLayernorm } from './layernorm/examination.ts';
import { examineLogprobs } from './logprobs/examination.ts';
import { examineMaskLogits } from './mask-logits/examination.ts';
import {
  examineMatmul,
  examineMatmulKVWrite,
  examineNormMatmul,
  examineNormMatmulKVWrite,
  examineRmsnormMatmul,
} from './matmul/examination.ts';
import { matmulKVWrite } from './matmul/matmul.ts';
import { examinePoolHidden } from './pool-hidden/examination.ts';
import { examineRmsnorm } from './rmsnorm/examination.ts';
import { examineNormRopeKVWrite, examineRopeKVWrite } from './rope-kv-write/examination.ts';
import { examineSample } from './sample/examination.ts';

const EXAMINATIONS: readonly ((work: ModelWork) => Examination | readonly Examination[])[] = [
  examineEmbed,
  examineEmbedTokens,
  examineLayernorm,
  examineRmsnorm,
  examineMatmul,
  examineMatmulKVWrite,
  examineNormMatmul,
  examineNormMatmulKVWrite,
  examineRmsnormMatmul,
  (work) => examineKVWrite(work, [...work.of(kvWrite), ...work.of(matmulKVWrite)]),
  examineRopeKVWrite,
  examineNormRopeKVWrite,
  examineAttention,
  examinePoolHidden,
  examineGatherRows,
  examineAdjustLogits,
  examineMaskLogits,
  examineSample,
  examineLogprobs,
];

/** Makes the examinations of a model's kernels, one kernel at a time. */
export function* examinations(work: ModelWork): Generator<Examination, void> {
  for (const examine of EXAMINATIONS) {
    const made = examine(work);
    yield* 'name' in made ? [made] : made;
  }
}
