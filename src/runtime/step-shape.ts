// Shapes of steps: that of a plan, and those of all steps that a runner can reach, one at least for each variant.
import type { BatchPlan } from '../core/batch-plan.ts';
import { dispatchedSplits } from '../kernels/attention/splits.ts';
import { ROW_BUCKETS } from '../kernels/tunings.ts';
import type { StepShape } from '../models/step.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';
import { adjusts, hasMasks } from './step-inputs.ts';

/** Returns the part of a plan that decides which dispatches run on a runner of some sizes. */
export function stepShape(
  plan: BatchPlan,
  numPrefillTiles: number,
  { maxModelLen, reduction }: Pick<RuntimeSizes, 'maxModelLen' | 'reduction'>,
): StepShape {
  const { numTokens, numDecodeTokens, contextLens, logitsRows, samplingRows } = plan;
  const longest = contextLens.subarray(0, numDecodeTokens).reduce((max, length) => Math.max(max, length), 1);
  return {
    numTokens,
    numDecodeTokens,
    numPrefillTiles,
    numDecodeSplits: dispatchedSplits(longest, maxModelLen, reduction),
    numLogitsRows: logitsRows.length,
    logitsOfAll: logitsRows.length === numTokens,
    adjustsLogits: adjusts(plan),
    masksLogits: hasMasks(plan),
    reportsLogprobs: samplingRows.some(({ logprobs }) => logprobs !== null),
    numScoredTokens: plan.scored?.rows.length ?? 0,
    numPooledRows: plan.pooled?.length ?? 0,
  };
}

/**
 * Lists shapes of the steps that a runner can reach, those with fewer tokens first: at least one for each variant, since
 * variants follow the number of rows, the kind of rows and the number of splits.
 */
export function stepShapes(sizes: RuntimeSizes): StepShape[] {
  const { maxBatchSize, maxBatchTokens, maxLogitsRows, maxModelLen, reduction } = sizes;
  const maxSplits = dispatchedSplits(maxModelLen, maxModelLen, reduction);
  const shapes: StepShape[] = [];
  for (const rows of ROW_BUCKETS) {
    const numTokens = Math.min(rows, maxBatchTokens);
    // Chunks of scored tokens have the dispatches of rows that are sampled and report log-probabilities.
    const kinds = { logitsOfAll: false, reportsLogprobs: true, numScoredTokens: 0, numPooledRows: 1 };
    const common = { numTokens, ...kinds, numDecodeTokens: numTokens, numPrefillTiles: 0, numDecodeSplits: 1 };
    // Only rows that are some sequence's last have adjusted logits.
    const ofSequences = { numLogitsRows: Math.min(rows, maxBatchSize), adjustsLogits: true, masksLogits: true };
    const ofPrompt = { numLogitsRows: Math.min(numTokens, maxLogitsRows), adjustsLogits: false, masksLogits: false };
    shapes.push({ ...common, ...ofSequences }, { ...common, ...ofSequences, numDecodeSplits: maxSplits });
    shapes.push({ ...common, ...ofPrompt, numDecodeTokens: 0, numPrefillTiles: 1 });
  }
  return shapes;
}
