// Estimates of a model's steps: the dispatches of an adapter of the GPU's vendor on which nothing was tuned, with the waits that
// were counted in compiled shaders. No device is opened.
import { type DeviceTraits, PLAIN_TRAITS } from '../../src/gpu/device-traits.ts';
import type { StepTokens } from '../../src/kernels/step-tokens.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { metaParts } from '../../src/runtime/meta-parts.ts';
import { resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import type { ModelShape } from '../../src/terminal/model-shape.ts';
import { Tuning } from '../../src/tuning/tuning.ts';
import { type Figure, ratio } from '../../src/util/figures.ts';
import { sum } from '../../src/util/statistics.ts';
import { type DispatchTime, estimateDispatch } from './dispatch-time.ts';
import type { Gpu } from './gpus.ts';
import { type Launch, launchesOf } from './launches.ts';
import { waitsOf } from './loop-work.ts';
import type { MemoryTable } from './memory-file.ts';
import { bytesUnderWay } from './shader-memory.ts';

/** Dispatches of a step that are alike, and the estimate of one. */
export interface EstimatedLaunch extends Launch {
  readonly count: number;
  /** Waits of one; null where its shader is in no table. */
  readonly waits: number | null;
  readonly time: DispatchTime;
  /** Nanoseconds of one where every load finds its data in L2. */
  readonly timeOnL2: number;
}

/** Estimate of a step. */
export interface EstimatedStep {
  readonly tokens: StepTokens;
  readonly launches: readonly EstimatedLaunch[];
  readonly dispatches: number;
  /** Waits of the dispatches whose waits are known. */
  readonly waits: number;
  readonly unknownWaits: number;
  readonly bytes: number;
  /** Nanoseconds, every load from memory. */
  readonly time: number;
  /** Tokens a second. */
  readonly speed: Figure;
  /** Tokens a second where every load finds its data in L2, the bytes from memory all the same. */
  readonly speedOfL2: Figure;
  /** Share of the time that its bytes would take at the whole bandwidth. */
  readonly roofline: Figure;
}

/** Bytes that a binding may have: less than any of the GPUs allows. */
const MAX_BINDING_BYTES = 2 ** 31 - 4;
/** Lanes of the narrowest subgroup of any of the GPUs. */
const SUBGROUP_SIZE = 32;
/** Contexts within one split of attention, and of several. */
const CONTEXTS = [64, 1000];
/** Sequences of a decode step. */
const BATCHES = [1, 8];
/** Tokens of a prompt. */
const PROMPT = 512;

/** Lists the steps that a model is estimated for, those that its positions hold. */
export function estimatedSteps(numPositions: number): StepTokens[] {
  const contexts = CONTEXTS.filter((context) => context <= numPositions);
  const decode = contexts.flatMap((context) => BATCHES.map((sequences) => ({ sequences, queries: 1, context })));
  const prompt = Math.min(PROMPT, numPositions);
  return [...decode, { sequences: 1, queries: prompt, context: prompt }];
}

/**
 * Estimates the steps of a model on a GPU.
 *
 * @throws KernelError where the model and a kernel do not fit; UnknownLoopsError for a shader of the table whose loops are not
 * declared.
 */
export async function estimateSteps(
  { model, storage, kvDtype }: Pick<ModelShape, 'model' | 'storage' | 'kvDtype'>,
  gpu: Gpu,
  shaders: MemoryTable['shaders'],
): Promise<EstimatedStep[]> {
  const traits = traitsOf(gpu);
  const limits = { maxStorageBufferBindingSize: MAX_BINDING_BYTES };
  const sizes = resolveSizes(model.config, { kvDtype }, storage, { gpu: { limits }, traits });
  const tuning = new Tuning(traits);
  const parts = metaParts({ model, sizes, maxBindingBytes: MAX_BINDING_BYTES, kernels: modelKernels, tuning });
  const steps: EstimatedStep[] = [];
  for (const tokens of estimatedSteps(model.config.numPositions)) {
    steps.push(estimateStep(gpu, tokens, await launchesOf(traits, parts, sizes, tokens), shaders));
  }
  return steps;
}

function traitsOf({ vendor }: Gpu): DeviceTraits {
  return { ...PLAIN_TRAITS, minSubgroupSize: SUBGROUP_SIZE, timestamps: true, vendor, reduction: 'gpu' };
}

/** Estimates a step of some dispatches. @throws UnknownLoopsError, as `waitsOf`. */
export function estimateStep(
  gpu: Gpu,
  tokens: StepTokens,
  launches: readonly Launch[],
  shaders: MemoryTable['shaders'],
): EstimatedStep {
  const alike = Map.groupBy(launches, ({ label, use, sizes }) => JSON.stringify([label, use, sizes]));
  const estimated = [...alike.values()].map((group): EstimatedLaunch => {
    const launch = group[0]!;
    const memory = shaders.get(launch.label);
    const work = {
      cost: launch.cost,
      lanes: launch.workgroups * launch.lanes,
      waits: memory === undefined ? null : waitsOf(launch, memory, tokens.context).total,
      bytesUnderWay: memory === undefined ? null : bytesUnderWay(memory),
    };
    const { total: timeOnL2 } = estimateDispatch(gpu, work, 'l2');
    return { ...launch, count: group.length, waits: work.waits, time: estimateDispatch(gpu, work), timeOnL2 };
  });
  const total = (take: (launch: EstimatedLaunch) => number) =>
    sum(estimated.map((launch) => launch.count * take(launch)));
  const bytes = total(({ cost }) => cost.bytes);
  const time = total((launch) => launch.time.total);
  const produced = tokens.sequences * tokens.queries;
  return {
    tokens,
    launches: estimated,
    dispatches: launches.length,
    waits: total(({ waits }) => waits ?? 0),
    unknownWaits: total(({ waits }) => (waits === null ? 1 : 0)),
    bytes,
    time,
    speed: ratio(1e9 * produced, time),
    speedOfL2: ratio(
      1e9 * produced,
      total(({ timeOnL2 }) => timeOnL2),
    ),
    roofline: ratio(bytes / gpu.gigabytes, time),
  };
}
