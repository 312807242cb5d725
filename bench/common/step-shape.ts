// Shape of a step of some tokens that no scheduler planned: decode rows where each sequence has one token in it, else prompts.
import { PREFILL_TILE_TOKENS } from '../../src/kernels/attention/query-tiles.ts';
import { dispatchedSplits } from '../../src/kernels/attention/splits.ts';
import type { StepTokens } from '../../src/kernels/step-tokens.ts';
import type { StepShape } from '../../src/models/step.ts';
import type { RuntimeSizes } from '../../src/runtime/runtime-sizes.ts';
import { ceilDiv } from '../../src/util/math.ts';

/** Part of a shape that tokens decide; what the head does with them is the caller's. */
type TokenShape = Omit<StepShape, 'logitsOfAll' | 'adjustsLogits' | 'masksLogits' | 'reportsLogprobs'>;

/** Makes the shape of a step, of whose sequences each has a row of logits. */
export function tokenShape(
  { sequences, queries, context }: StepTokens,
  { maxModelLen, reduction }: Pick<RuntimeSizes, 'maxModelLen' | 'reduction'>,
): TokenShape {
  const numTokens = sequences * queries;
  const isDecode = queries === 1;
  return {
    numTokens,
    numDecodeTokens: isDecode ? numTokens : 0,
    numPrefillTiles: isDecode ? 0 : sequences * ceilDiv(queries, PREFILL_TILE_TOKENS),
    numDecodeSplits: dispatchedSplits(isDecode ? context : 1, maxModelLen, reduction),
    numLogitsRows: sequences,
    numScoredTokens: 0,
    numPooledRows: 0,
  };
}
