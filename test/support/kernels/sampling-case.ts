// Runs of the sampler on rows of one length, with guard words after every tensor.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { floatsOf } from '../../../src/kernels/kernel-case.ts';
import {
  type SampledRow,
  type SampleOptions,
  sampleOperands,
  sampleProbsOperands,
} from '../../../src/kernels/sample/operands.ts';
import { sample, sampleProbs } from '../../../src/kernels/sample/sample.ts';
import { sampleNaive } from '../../../src/kernels/sample/sample-naive.ts';
import { runOutputs } from './run-kernel.ts';

/** Ids drawn from R rows. */
export interface Draws {
  /** [R] */
  readonly ids: readonly number[];
  /** [R] 1 where all logits of the row are finite, else 0. */
  readonly finite: readonly number[];
  readonly nextTokens: readonly number[];
}

interface RunOptions extends SampleOptions {
  /** Default: the kernel's. */
  readonly LANES?: number;
  /** Logits that a lane loads at once. Default: the kernel's. */
  readonly LOADS?: number;
}

/** Runs `sample` or a mutant of it. */
export async function draw(
  device: Device,
  rows: readonly SampledRow[],
  options: RunOptions = {},
  kernel: Kernel<typeof sample.spec> = sample,
): Promise<Draws> {
  const { tensors, scalars } = sampleOperands(rows, options);
  return drawsOf(await runOutputs(device, kernel, tensors, scalars, choiceOf(options)));
}

/** Runs `sampleNaive` or a mutant of it. */
export async function drawPlainly(
  device: Device,
  rows: readonly SampledRow[],
  options: SampleOptions = {},
  kernel: Kernel<typeof sampleNaive.spec> = sampleNaive,
): Promise<Draws> {
  const { tensors, scalars } = sampleOperands(rows, options);
  return drawsOf(await runOutputs(device, kernel, tensors, scalars));
}

/** As `draw` with `sampleProbs`: also the distribution [V] of each row. */
export async function drawWithProbs(
  device: Device,
  rows: readonly SampledRow[],
  options: RunOptions = {},
  kernel: Kernel<typeof sampleProbs.spec> = sampleProbs,
): Promise<Draws & { readonly probs: readonly Float32Array[] }> {
  const { tensors, scalars } = sampleProbsOperands(rows, options);
  const words = await runOutputs(device, kernel, tensors, scalars, choiceOf(options));
  const probs = floatsOf(words.probs!);
  const V = probs.length / rows.length;
  return { ...drawsOf(words), probs: rows.map((_, r) => probs.subarray(r * V, (r + 1) * V)) };
}

function choiceOf({ LANES, LOADS }: RunOptions) {
  return {
    ...(LANES !== undefined && { overrides: { LANES } }),
    ...(LOADS !== undefined && { constants: { LOADS } }),
  };
}

function drawsOf({ sampled = new Uint32Array(), next_tokens = new Uint32Array() }: Record<string, Uint32Array>): Draws {
  return {
    ids: [...sampled].filter((_, i) => i % 2 === 0),
    finite: [...sampled].filter((_, i) => i % 2 === 1),
    nextTokens: [...next_tokens].map((word) => word | 0),
  };
}
