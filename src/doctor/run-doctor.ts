// The list of checks, in the order of a step.
import { checkAttention } from './check-attention.ts';
import { checkKVWrite } from './check-kv-write.ts';
import { checkLayernorm } from './check-layernorm.ts';
import { checkAdjustLogits, checkLogprobs, checkSample } from './check-logits.ts';
import { checkMatmul } from './check-matmul.ts';
import { checkMatmulKVWrite } from './check-matmul-kv-write.ts';
import { checkEmbed, checkGatherRows } from './check-rows.ts';
import type { KernelReport } from './judge.ts';
import type { Subject } from './subject.ts';

const CHECKS = [
  checkEmbed,
  checkLayernorm,
  checkMatmul,
  checkMatmulKVWrite,
  checkKVWrite,
  checkAttention,
  checkGatherRows,
  checkAdjustLogits,
  checkSample,
  checkLogprobs,
];

/**
 * Checks every kernel of the model at its shapes against float64, and its variants against each other bit by bit; yields
 * what came out of each, in the order of a step.
 *
 * @throws DeviceLostError.
 */
export async function* runDoctor(subject: Subject): AsyncGenerator<KernelReport, void> {
  for (const check of CHECKS) {
    const reports = await check(subject);
    yield* Array.isArray(reports) ? reports : [reports];
  }
}
