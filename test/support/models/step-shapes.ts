// Shapes of small steps, for what depends on a step's shape alone.
import type { StepShape } from '../../../src/models/step.ts';

/** Two sequences that decode within one split of keys. */
export const DECODE_STEP: StepShape = {
  numTokens: 2,
  numDecodeTokens: 2,
  numPrefillTiles: 0,
  numDecodeSplits: 1,
  numLogitsRows: 2,
  logitsOfAll: true,
  adjustsLogits: false,
  masksLogits: false,
  reportsLogprobs: false,
  numScoredTokens: 0,
  numPooledRows: 0,
};

/** Two sequences that decode, beside a prompt of five tokens that gives no logits. */
export const MIXED_STEP: StepShape = { ...DECODE_STEP, numTokens: 7, numPrefillTiles: 1, logitsOfAll: false };
