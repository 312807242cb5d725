// Steps whose dispatches are timed: a prompt, decode rows in a context of one split, decode rows in the longest context.

import type { ReductionClass } from '../../src/gpu/reduction.ts';
import type { ModelDispatch } from '../../src/kernels/examination.ts';
import { REDUCTIONS } from '../../src/kernels/reductions.ts';
import type { StepTokens } from '../../src/kernels/step-tokens.ts';
import type { StepShape } from '../../src/models/step.ts';
import type { ForwardParts } from '../../src/runtime/forward.ts';
import { listDispatches } from '../../src/runtime/list-dispatches.ts';
import { untunedParts } from '../../src/runtime/model-work.ts';
import { resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import { tokenShape } from '../common/step-shape.ts';
import type { TimedModel } from './case.ts';

/** Keys of the longest context that is timed, where a model has positions for more. */
const MOST_KEYS = 4096;

/** Lists the steps of M tokens. A prompt of one token is a decode row, and none is longer than the model's positions. */
export function timedSteps(M: number, numPositions: number, reduction: ReductionClass): StepTokens[] {
  const longest = Math.min(numPositions, MOST_KEYS);
  const prompts = M > 1 && M <= numPositions ? [{ sequences: 1, queries: M, context: M }] : [];
  const contexts = new Set([Math.min(REDUCTIONS[reduction].splitKeys, longest), longest]);
  return [...prompts, ...[...contexts].map((context) => ({ sequences: M, queries: 1, context }))];
}

/** Lists the dispatches of a step on a runner that has room for this step and no more. @throws KernelError where the model and a kernel do not fit. */
export function listStep(timed: TimedModel, step: StepTokens): readonly ModelDispatch[] {
  const { parts, shape } = describeStep(timed, step);
  return listDispatches(timed.device.traits, parts, [shape]);
}

/** Describes a step, with every kernel of the head, and the parts of a model on a runner that has room for it and no more. */
export function describeStep(
  { device, kernels, model, storage, kvDtype }: TimedModel,
  step: StepTokens,
): { readonly parts: ForwardParts; readonly shape: StepShape } {
  const { sequences, queries, context } = step;
  const numTokens = sequences * queries;
  const limits = { maxBatchSize: sequences, maxBatchTokens: numTokens, maxModelLen: context, kvDtype };
  const sizes = resolveSizes(model.config, limits, storage, device);
  const parts = untunedParts(device, model, sizes, kernels);
  const head = { logitsOfAll: false, adjustsLogits: true, masksLogits: true, reportsLogprobs: true };
  return { parts, shape: { ...tokenShape(step, sizes), ...head, numPooledRows: sequences } };
}
