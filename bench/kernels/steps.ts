// Steps whose dispatches are timed: a prompt, decode rows with few keys, decode rows with all the keys that the model has.
import { SPLIT_KEYS } from '../../src/kernels/attention/attention.ts';
import { PREFILL_TILE_ROWS } from '../../src/kernels/attention/query-tiles.ts';
import type { ModelDispatch } from '../../src/kernels/examination.ts';
import type { StepTokens } from '../../src/kernels/step-tokens.ts';
import { listDispatches } from '../../src/runtime/list-dispatches.ts';
import { metaParts } from '../../src/runtime/meta-parts.ts';
import { resolveSizes } from '../../src/runtime/runner-sizes.ts';
import { Tuning } from '../../src/tuning/tuning.ts';
import { ceilDiv } from '../../src/util/math.ts';
import type { TimedModel } from './case.ts';

/** Lists steps of M tokens; a prompt of one token would be a decode row. */
export function timedSteps(M: number, numPositions: number): StepTokens[] {
  const prompts = M > 1 && M <= numPositions ? [{ sequences: 1, queries: M, context: M }] : [];
  const contexts = new Set([Math.min(SPLIT_KEYS, numPositions), numPositions]);
  return [...prompts, ...[...contexts].map((context) => ({ sequences: M, queries: 1, context }))];
}

/** Lists the dispatches of a step of a model, which is no larger than the runner that it is listed of. */
export function listStep(
  { device, kernels, model, dtype, kvDtype }: TimedModel,
  step: StepTokens,
): readonly ModelDispatch[] {
  const { sequences, queries, context } = step;
  const { maxStorageBufferBindingSize: maxBindingBytes } = device.gpu.limits;
  const numTokens = sequences * queries;
  const limits = { maxBatchSize: sequences, maxBatchTokens: numTokens, maxModelLen: context, kvDtype };
  const sizes = resolveSizes(model.config, limits, dtype, maxBindingBytes);
  const parts = metaParts({ model, sizes, maxBindingBytes, kernels, tuning: new Tuning(device.traits) });
  const isDecode = queries === 1;
  const shape = {
    numTokens,
    numDecodeTokens: isDecode ? numTokens : 0,
    numPrefillTiles: isDecode ? 0 : ceilDiv(numTokens, PREFILL_TILE_ROWS),
    numDecodeSplits: ceilDiv(context, SPLIT_KEYS),
    numLogitsRows: sequences,
    // So that every kernel has its part in the step.
    logitsOfAll: false,
    adjustsLogits: true,
    reportsLogprobs: true,
  };
  return listDispatches(device.traits, parts, [shape]);
}
