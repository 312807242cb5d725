// A copy of a model on the GPU with other weights in the places of some: it shares the rest.
import { checkFree } from '../runtime/free-memory.ts';
import { planMemory } from '../runtime/memory-plan.ts';
import { assembleParts } from '../runtime/model-parts.ts';
import { TextSteps } from './text-steps.ts';

/**
 * Makes the steps of a model with other weights, and keys, values and scratch tensors of their own.
 *
 * @param replaced numbers in the order of the files, by name.
 * @throws MemoryError with the numbers, or GpuError, where memory lacks; nothing is left on the device then.
 */
export async function stepsWithWeights(
  { device, sizes, parts, probeKernels }: TextSteps,
  replaced: ReadonlyMap<string, Float32Array>,
): Promise<TextSteps> {
  const { model, weights, kernels, tuning, numSampledIds } = parts;
  const plan = planMemory(model, sizes, weights.head === weights.embedding);
  const bytes = plan.kv + plan.activations + weights.bytesOf(replaced);
  checkFree(device, 'replaced weights, KV cache and activations', bytes);
  using made = new DisposableStack();
  const copied = made.adopt(await weights.replace(device, replaced), (owned) => owned.close());
  const assembled = await assembleParts(device, { model, weights: copied, kernels, tuning, numSampledIds }, sizes);
  made.move();
  return new TextSteps(device, assembled, sizes, probeKernels);
}
