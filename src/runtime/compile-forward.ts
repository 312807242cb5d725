// Compiles what steps can reach, and lists at least one step for each variant among it.
import type { Device } from '../gpu/device.ts';
import { SPLIT_KEYS } from '../kernels/attention/attention.ts';
import type { StepShape, StepSink } from '../models/step.ts';
import { MATMUL_BUCKETS } from '../tuning/matmul-tuning.ts';
import { ceilDiv } from '../util/math.ts';
import { type ForwardParts, forward } from './forward.ts';

/** Sizes that decide which variants a step can reach. */
export interface ReachableSteps {
  readonly maxBatchSize: number;
  readonly maxBatchTokens: number;
  readonly maxLogitsRows: number;
  /** Splits of the longest context. */
  readonly maxSplits: number;
}

/** The steps that a model of these sizes can run. */
export function reachableSteps(
  sizes: Omit<ReachableSteps, 'maxSplits'> & { readonly maxModelLen: number },
): ReachableSteps {
  return { ...sizes, maxSplits: ceilDiv(sizes.maxModelLen, SPLIT_KEYS) };
}

/** Compiles every kernel variant that some step of the model can reach, side by side. */
export async function compileForward(device: Device, parts: ForwardParts, reachable: ReachableSteps): Promise<void> {
  const building: Promise<unknown>[] = [];
  const compiler: StepSink = {
    add(kernel, tensors, _scalars, choice) {
      building.push(kernel.build(device, kernel.choiceFor(tensors, choice)));
    },
  };
  for (const shape of stepShapes(reachable)) forward(compiler, parts, shape);
  await Promise.all(building);
}

/** At least one step for each variant: variants follow the number of rows, the kind of rows and the number of splits. */
export function stepShapes({ maxBatchSize, maxBatchTokens, maxLogitsRows, maxSplits }: ReachableSteps): StepShape[] {
  const shapes: StepShape[] = [];
  for (const rows of MATMUL_BUCKETS) {
    const numTokens = Math.min(rows, maxBatchTokens);
    const kinds = { logitsOfAll: false, reportsLogprobs: true };
    const common = { numTokens, ...kinds, numDecodeTokens: numTokens, numPrefillTiles: 0, numDecodeSplits: 1 };
    // Only rows that are some sequence's last have adjusted logits.
    const ofSequences = { numLogitsRows: Math.min(rows, maxBatchSize), adjustsLogits: true };
    const ofPrompt = { numLogitsRows: Math.min(numTokens, maxLogitsRows), adjustsLogits: false };
    shapes.push({ ...common, ...ofSequences }, { ...common, ...ofSequences, numDecodeSplits: maxSplits });
    shapes.push({ ...common, ...ofPrompt, numDecodeTokens: 0, numPrefillTiles: 1 });
  }
  return shapes;
}
