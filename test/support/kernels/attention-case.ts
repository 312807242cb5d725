// Runs of the attention kernels over a step, with guard words after every tensor.
import { expect } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { attention, attentionFold, attentionSplit } from '../../../src/kernels/attention/attention.ts';
import {
  type AttentionShape,
  AttentionStep,
  randomSequence,
  type Span,
  type TileRange,
} from '../../../src/kernels/attention/operands.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import { compareBits } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { runKernel } from './run-kernel.ts';

interface SplitOptions {
  readonly split?: Kernel<typeof attentionSplit.spec>;
  readonly fold?: Kernel<typeof attentionFold.spec>;
  /** Tokens whose splits are computed and folded; default: all. */
  readonly count?: number;
  /** Splits that a lane loads before it folds the first; default: those of the adapter. */
  readonly LOADS?: number;
}

/**
 * Constants of a variant. SUBGROUPS is 0 or 1; by default it is used with lanes that are sure to lie in one subgroup. The class
 * `gpu` never uses it.
 */
export type Constants = Readonly<Record<string, number | undefined>>;

/** Makes a step with scores so far from each other, and from 0, that exp of any difference but the right one leaves f32. */
export function steepStep(shape: AttentionShape, spans: readonly Span[]): AttentionStep {
  const sequences = spans.map((span, i) => {
    const sequence = randomSequence(shape, span, 10 * i);
    return { ...sequence, q: sequence.q.map((value) => 400 * value) };
  });
  return new AttentionStep(shape, sequences);
}

/** Words of out[T, C] from `attention` over all tiles. */
export function runWhole(
  device: Device,
  step: AttentionStep,
  constants: Constants & { readonly ROWS: number },
  kernel: Kernel<typeof attention.spec> = attention,
): Promise<Uint32Array> {
  const { tensors, scalars } = step.whole();
  return runKernel(device, kernel, tensors, scalars, choiceOf(device, step, constants));
}

/** Expects the NaN of one token's key and value in the rows that see it, and no trace of it in those before, of its tile or not. */
export async function checkUnseenKeys(
  device: Device,
  shape: AttentionShape,
  constants: Constants & { readonly ROWS: number },
  kernel: Kernel<typeof attention.spec> = attention,
): Promise<void> {
  const step = AttentionStep.random(shape, [{ context: 40, queries: 20 }]);
  const clean = await runWhole(device, step, constants, kernel);
  const poisoned = 33;
  const poison = new Float32Array(40 * step.channels).fill(Number.NaN);
  step.putKey(0, poisoned, poison, poison);
  const got = await runWhole(device, step, constants, kernel);
  const before = (poisoned - 20) * step.channels;
  assertPasses(compareBits(got.subarray(0, before), clean.subarray(0, before), { label: 'rows before the NaN' }));
  expect(floatsOf(got).subarray(before).every(Number.isNaN), 'rows from the NaN on').toBe(true);
}

/** Words of `out` after `attention` over some tiles. */
export function runTiles(
  device: Device,
  step: AttentionStep,
  constants: Constants,
  range: TileRange,
): Promise<Uint32Array> {
  const { tensors, scalars } = step.range(range);
  return runKernel(device, attention, tensors, scalars, choiceOf(device, step, constants));
}

/** Words of out[T, C] from `attentionSplit` and `attentionFold`. */
export async function runSplit(
  device: Device,
  step: AttentionStep,
  constants: Constants = {},
  { split = attentionSplit, fold = attentionFold, count, LOADS }: SplitOptions = {},
): Promise<Uint32Array> {
  const { tensors, scalars } = step.split(count);
  const partials = await runKernel(device, split, tensors, scalars, choiceOf(device, step, constants));
  const folded = step.fold(floatsOf(partials), count);
  const choice = LOADS === undefined ? {} : { constants: { LOADS } };
  return runKernel(device, fold, folded.tensors, folded.scalars, choice);
}

function choiceOf({ traits }: Device, { shape }: AttentionStep, { SUBGROUPS, ...constants }: Constants) {
  const { LANES = attention.variant(traits).constants.LANES ?? 0 } = constants;
  const conditions = {
    KV_F16: shape.dtype === 'f16',
    SUBGROUPS:
      traits.reduction === 'software' && (SUBGROUPS === undefined ? LANES <= traits.minSubgroupSize : SUBGROUPS === 1),
  };
  return { conditions, constants: { D: shape.D, SHARE: shape.SHARE ?? 1, ...constants } };
}
