// Trial of a kernel that is to replace a model's own: logits of a random text, prefilled and decoded, with either.
import { KernelError } from '../gpu/errors.ts';
import type { Kernel } from '../gpu/kernel.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { ModelConfig } from '../models/config.ts';
import { uniform } from '../util/rng.ts';

/** Tokens of the random text, and those of them that are decoded one by one. */
const TRIAL_TOKENS = 40;
const TRIAL_DECODED = 3;

/** Forward passes of the model under trial. */
export interface TrialModel {
  readonly config: ModelConfig;
  /** Logits [T, V] of a text; the caller closes them. */
  prefill(ids: readonly number[]): Promise<Tensor>;
  /** Logits [V] after a text whose ids before `start` are in the cache. */
  decode(ids: readonly number[], start: number): Promise<Float32Array>;
}

/** Computes the logits of a random text, all at once and then of its last tokens one by one. */
export async function runTrial({ config, prefill, decode }: TrialModel): Promise<Float32Array> {
  const length = Math.min(TRIAL_TOKENS, config.numPositions);
  const ids = Array.from({ length }, (_, t) => Math.floor(uniform(0, t, 0) * config.vocabSize));
  using logits = await prefill(ids);
  const parts = [await logits.readF32()];
  for (let end = length - TRIAL_DECODED; end < length; end++) {
    parts.push(await decode(ids.slice(0, end), Math.max(end - 1, 0)));
  }
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}

/**
 * Compares the logits of two trials.
 *
 * @param name place of the kernel in the model.
 * @param tolerance allowed difference, per 1 + the largest logit.
 * @returns the worst difference of a logit.
 * @throws KernelError when it is beyond the tolerance.
 */
export function compareTrials(
  name: string,
  kernel: Pick<Kernel, 'name'>,
  { want, got, tolerance }: { readonly want: Float32Array; readonly got: Float32Array; readonly tolerance: number },
): number {
  const worst = want.reduce((max, logit, i) => Math.max(max, Math.abs(logit - got[i]!)), 0);
  const allowed = tolerance * (1 + want.reduce((max, logit) => Math.max(max, Math.abs(logit)), 0));
  if (worst <= allowed) return worst;
  throw new KernelError(kernel.name, `logits differ by ${worst} from those of ${name}, expected at most ${allowed}`);
}
