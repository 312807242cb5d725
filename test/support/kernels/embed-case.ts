// Check of embeddings over ids at the ends of the vocabulary's ranges and tiles.
import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { embed, embedTokens } from '../../../src/kernels/embed/embed.ts';
import { expectedEmbed } from '../../../src/kernels/embed/expected.ts';
import {
  type EmbedShape,
  embedInputs,
  embedOperands,
  embedTokensOperands,
} from '../../../src/kernels/embed/operands.ts';
import type { WeightDType } from '../../../src/kernels/weights/weight-tiles.ts';
import { compareBits } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { runKernel } from './run-kernel.ts';

/** V of the model. */
export const V = 331;

/** Size and storage of a bound range. */
export interface EmbedCase extends Omit<EmbedShape, 'numPositions'> {
  readonly dtype: WeightDType;
}

/** Expects token plus position row of every token in the range, and nothing in the rows of others. */
export async function checkEmbed(
  device: Device,
  { dtype, ...shape }: EmbedCase,
  kernel: Kernel<typeof embed.spec> = embed,
): Promise<void> {
  const inputs = embedInputs(shape.C, { ...shape, numPositions: 40 }, dtype);
  const { tensors, scalars } = embedOperands(inputs);
  const got = await runKernel(device, kernel, tensors, scalars);
  const want = new Float32Array(expectedEmbed(inputs).want);
  assertPasses(compareBits(got, new Uint32Array(want.buffer), { label: JSON.stringify({ dtype, ...shape }) }));
}

/** Expects the row of every token in the range, and nothing in the rows of others. */
export async function checkEmbedTokens(
  device: Device,
  { dtype, ...shape }: EmbedCase,
  kernel: Kernel<typeof embedTokens.spec> = embedTokens,
): Promise<void> {
  const inputs = embedInputs(shape.C, { ...shape, numPositions: 1 }, dtype);
  const { tensors, scalars } = embedTokensOperands(inputs);
  const got = await runKernel(device, kernel, tensors, scalars);
  const want = new Float32Array(expectedEmbed(inputs, { learned: false }).want);
  assertPasses(compareBits(got, new Uint32Array(want.buffer), { label: JSON.stringify({ dtype, ...shape }) }));
}
