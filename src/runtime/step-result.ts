// Results of a step as bytes that come back from the GPU: ids of every sampled row, log-probabilities of those that asked.
import type { SamplingRow } from '../core/batch-plan.ts';
import type { StepResult, TokenLogprobs } from '../core/runner.ts';
import { LOGPROB_WORDS, MAX_TOP_LOGPROBS } from '../kernels/logprobs/logprobs.ts';

/** Bytes read back for a row: u32 id, u32 finite. */
export const SAMPLED_BYTES = 8;
/** Bytes read back for a row when some row reports log-probabilities. */
export const LOGPROB_BYTES = 4 * LOGPROB_WORDS;

/** Reads the sampler's output: [R, 2] words, and more. */
export function readSampled(R: number, bytes: ArrayBuffer = new ArrayBuffer(0)): Pick<StepResult, 'ids' | 'finite'> {
  const pairs = new Int32Array(bytes).subarray(0, 2 * R);
  const ids = pairs.filter((_, i) => i % 2 === 0);
  const finite = Uint8Array.from(pairs.filter((_, i) => i % 2 === 1));
  return { ids, finite };
}

/** Reads the records [R, LOGPROB_WORDS] of shaders/logprobs.wgsl; null for rows that did not ask. */
export function readLogprobs(
  bytes: ArrayBuffer = new ArrayBuffer(0),
  { ids, rows, vocabSize }: { ids: Int32Array; rows: readonly SamplingRow[]; vocabSize: number },
): (TokenLogprobs | null)[] {
  const words = new Uint32Array(bytes);
  const floats = new Float32Array(bytes);
  return rows.map(({ logprobs }, row) => {
    if (logprobs === null) return null;
    const start = row * LOGPROB_WORDS;
    const top = Array.from({ length: Math.min(logprobs, MAX_TOP_LOGPROBS, vocabSize) }, (_, rank) => ({
      id: words[start + 1 + 2 * rank]!,
      logprob: floats[start + 2 + 2 * rank]!,
    }));
    return { id: ids[row]!, logprob: floats[start]!, top };
  });
}
