import type { BatchPlan } from '../core/batch-plan.ts';
import { SPLIT_KEYS } from '../kernels/attention/attention.ts';
import type { StepShape } from '../models/step.ts';
import { ceilDiv } from '../util/math.ts';
import { adjusts } from './step-inputs.ts';

/** What of a plan decides which dispatches run. */
export function stepShape(plan: BatchPlan, numPrefillTiles: number): StepShape {
  const { numTokens, numDecodeTokens, contextLens, logitsRows, samplingRows } = plan;
  const longest = contextLens.subarray(0, numDecodeTokens).reduce((max, length) => Math.max(max, length), 1);
  return {
    numTokens,
    numDecodeTokens,
    numPrefillTiles,
    numDecodeSplits: ceilDiv(longest, SPLIT_KEYS),
    numLogitsRows: logitsRows.length,
    logitsOfAll: logitsRows.length === numTokens,
    adjustsLogits: adjusts(plan),
    reportsLogprobs: samplingRows.some(({ logprobs }) => logprobs !== null),
  };
}
