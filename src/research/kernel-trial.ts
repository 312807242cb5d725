// Trial of a kernel that is to replace a model's own: logits of a random text, prefilled and decoded, with either.
import { KernelError } from '../gpu/errors.ts';
import type { Kernel } from '../gpu/kernel.ts';
import { Tensor } from '../gpu/tensor.ts';
import type { ModelKernels } from '../models/kernels.ts';
import { compileForward } from '../runtime/compile-forward.ts';
import { uniform } from '../util/rng.ts';
import type { TextSteps } from './text-steps.ts';

/** Tokens of the random text, and those of them that are decoded one by one. */
const TRIAL_TOKENS = 40;
const TRIAL_DECODED = 3;

/**
 * Puts a kernel in the place of a model's own where both give the same logits.
 *
 * @param name its place in the model.
 * @param tolerance allowed difference, per 1 + the largest logit.
 * @returns the worst difference of a logit.
 * @throws KernelError when it is beyond the tolerance; the model keeps its kernel then, as for any other error.
 */
export async function tryKernel<K extends keyof ModelKernels>(
  steps: TextSteps,
  name: K,
  kernel: ModelKernels[K],
  tolerance: number,
): Promise<number> {
  const original = steps.parts;
  const want = await runTrial(steps);
  steps.parts = { ...original, kernels: { ...original.kernels, [name]: kernel } };
  try {
    await compileForward(steps.device, steps.parts, steps.sizes);
    return compareTrials(name, kernel, { want, got: await runTrial(steps), tolerance });
  } catch (error) {
    steps.parts = original;
    throw error;
  }
}

/** Computes the logits of a random text, all at once and then of its last tokens one by one. */
async function runTrial(steps: TextSteps): Promise<Float32Array> {
  const { vocabSize } = steps.parts.model.config;
  const length = Math.min(TRIAL_TOKENS, steps.sizes.maxModelLen);
  const ids = Array.from({ length }, (_, t) => Math.floor(uniform(0, t, 0) * vocabSize));
  using logits = Tensor.create(steps.device, 'logits', 'f32', [length, vocabSize]);
  await steps.run([{ promptIds: ids, start: 0 }], [logits]);
  const parts = [await logits.readF32()];
  for (let end = length - TRIAL_DECODED; end < length; end++) {
    const next = await steps.nextLogits([{ promptIds: ids.slice(0, end), start: Math.max(end - 1, 0) }]);
    parts.push(...(await next()));
  }
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}

function compareTrials(
  name: string,
  kernel: Pick<Kernel, 'name'>,
  { want, got, tolerance }: { readonly want: Float32Array; readonly got: Float32Array; readonly tolerance: number },
): number {
  const worst = want.reduce((max, logit, i) => Math.max(max, Math.abs(logit - got[i]!)), 0);
  const allowed = tolerance * (1 + want.reduce((max, logit) => Math.max(max, Math.abs(logit)), 0));
  if (worst <= allowed) return worst;
  throw new KernelError(kernel.name, `logits differ by ${worst} from those of ${name}, expected at most ${allowed}`);
}
