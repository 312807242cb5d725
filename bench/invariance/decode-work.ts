// Work of decode steps that has an order of sums: matmuls, attention, layer norms, taken from the steps that the model itself
// lists, so that a sum over a step counts each as often as it is dispatched.
import type { Device } from '../../src/gpu/device.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import { attention, attentionFold, attentionSplit } from '../../src/kernels/attention/attention.ts';
import type { ModelDispatch } from '../../src/kernels/examination.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { matmul, matmulKVWrite } from '../../src/kernels/matmul/matmul.ts';
import { MATMUL_BUCKETS } from '../../src/kernels/matmul/tuning.ts';
import type { StepTokens } from '../../src/kernels/step-tokens.ts';
import { weightDType } from '../../src/kernels/weights/weight-tiles.ts';
import type { StepSink } from '../../src/models/step.ts';
import { forward } from '../../src/runtime/forward.ts';
import { modelWork } from '../../src/runtime/model-work.ts';
import { resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import { loadTuning } from '../../src/tuning/load-tuning.ts';
import { listTunables } from '../../src/tuning/tunables.ts';
import type { Tuning } from '../../src/tuning/tuning.ts';
import type { TimedModel } from '../kernels/case.ts';
import { describeStep } from '../kernels/steps.ts';
import { attentionContest } from './attention-contest.ts';
import type { Contest } from './contest.ts';
import { layernormContest } from './layernorm-contest.ts';
import { matmulContest } from './matmul-contest.ts';

/** Sequences of a decode step. */
const BATCHES = [1, 8, 32];
/** Tokens of each sequence: few, and those of several splits. */
const CONTEXTS = [64, 1000];

/** Kernel at one size, in decode steps of a batch. */
export interface DecodeWork {
  readonly kernel: string;
  /** Its place in the model, and its sizes. */
  readonly name: string;
  /** Sequences of the step. */
  readonly M: number;
  /** Runs of it in a step, by context; steps of other contexts have others in its place. */
  readonly perStep: ReadonlyMap<number, number>;
  /** Makes the contest on a device; its tensors belong to `owned`. */
  readonly prepare: (device: Device, owned: DisposableStack) => Promise<Contest>;
}

/** Loads the choices that a model takes on the device of a benchmark, and measures those that are missing there. */
export function tuningOf({ device, kernels, model, storage, kvDtype }: TimedModel): Promise<Tuning> {
  const most = Math.max(...MATMUL_BUCKETS.filter((rows) => rows <= 2 * Math.max(...BATCHES)));
  const limits = { maxBatchSize: most, maxBatchTokens: most, kvDtype };
  const list = () => {
    const sizes = resolveSizes(model.config, limits, storage, device);
    return listTunables(device, modelWork(device, model, sizes, kernels));
  };
  return loadTuning(device, list, { mode: undefined });
}

/** Lists the work of decode steps at all batches and contexts, a batch after another; steps of several contexts share what they can. */
export function listDecodeWork(timed: TimedModel, tuning: Tuning): readonly DecodeWork[] {
  return BATCHES.flatMap((sequences) => {
    const found = new Map<string, DecodeWork & { readonly perStep: Map<number, number> }>();
    for (const context of contextsOf(timed)) {
      const dispatches = listAll(timed, { sequences, queries: 1, context }, tuning);
      for (const work of workOf(dispatches, { sequences, queries: 1, context }, tuning)) {
        const key = `${work.kernel} ${work.name}`;
        const known = found.get(key) ?? { ...work, perStep: new Map<number, number>() };
        known.perStep.set(context, (known.perStep.get(context) ?? 0) + 1);
        found.set(key, known);
      }
    }
    return [...found.values()];
  });
}

/** Lists the contexts of the steps: those that a model's positions hold. */
function contextsOf({ model }: TimedModel): readonly number[] {
  return [...new Set(CONTEXTS.map((context) => Math.min(context, model.config.numPositions)))];
}

/** Lists every dispatch of a step that pools nothing, those of each layer; norms and matmuls apart, as the controls compute them. */
function listAll(timed: TimedModel, step: StepTokens, tuning: Tuning): readonly ModelDispatch[] {
  const { parts, shape } = describeStep(timed, step);
  const dispatches: ModelDispatch[] = [];
  const sink: StepSink = {
    add(kernel, tensors, scalars, choice, use) {
      const solved = kernel.solve(timed.device.traits, tensors, scalars, choice);
      dispatches.push({ ...solved, kernel, use: use ?? null });
    },
  };
  const apart = { choose: tuning.choose.bind(tuning), fuses: () => false };
  forward(sink, { ...parts, tuning: apart }, { ...shape, numPooledRows: 0 });
  return dispatches;
}

/** Lists the work of a step, once for each of its runs. */
function workOf(
  dispatches: readonly ModelDispatch[],
  step: StepTokens,
  tuning: Tuning,
): readonly Omit<DecodeWork, 'perStep'>[] {
  const isOf = (dispatch: ModelDispatch, ...kernels: readonly Kernel[]) =>
    kernels.some(({ name }) => name === dispatch.kernel.name);
  const fold = dispatches.find((dispatch) => isOf(dispatch, attentionFold)) ?? null;
  return dispatches.flatMap((dispatch): Omit<DecodeWork, 'perStep'>[] => {
    const { use, kernel } = dispatch;
    const { M = 0, K = 0, N = 0, C = 0 } = dispatch.dims;
    if (isOf(dispatch, matmul, matmulKVWrite)) {
      const name = `${use} ${K} × ${N}`;
      const dtype = weightDType(dispatch.variant.conditions);
      const choice = tuning.choose(kernel.name, { M, K, N });
      const prepare = (device: Device, owned: DisposableStack) =>
        matmulContest(device, owned, { M, K, N, dtype }, choice);
      return [{ kernel: matmul.name, name, M, prepare }];
    }
    if (isOf(dispatch, attention, attentionSplit)) {
      const prepare = (device: Device, owned: DisposableStack) =>
        attentionContest(device, owned, { first: dispatch, fold }, step);
      return [{ kernel: attention.name, name: `${step.context} keys`, M: step.sequences, prepare }];
    }
    if (isOf(dispatch, layernorm)) {
      const prepare = (device: Device, owned: DisposableStack) => layernormContest(device, owned, { M, C });
      return [{ kernel: layernorm.name, name: `rows of ${C}`, M, prepare }];
    }
    return [];
  });
}
