// Job of every engine in the comparison of decode speeds, and its result.

import type { Figure } from '../../src/util/figures.ts';
import { decodeSpeed, type TimedIds } from '../common/decode-speed.ts';

/** Numbers of sequences that are decoded together. */
export const BATCH_SIZES: readonly number[] = [1, 8];

/** Job of greedy decoding that ignores the eos: the first B prompts at once, for every batch size B. */
export interface DecodeJob {
  /** Prompts as ids, of equal length, as many as the largest batch. */
  readonly prompts: readonly (readonly number[])[];
  readonly maxNewTokens: number;
}

/** Result of a batch. */
export interface DecodeResult {
  readonly batchSize: number;
  /** Generated ids, by prompt. */
  readonly ids: readonly (readonly number[])[];
  /** Null when all ids came at once. */
  readonly tokensPerSecond: Figure;
}

/**
 * Runs every batch size twice and reports the second run: engines compile some shaders only as the context grows or a
 * batch happens to be split.
 *
 * @param generate decodes the prompts together.
 */
export async function decodeBatches(
  { prompts, maxNewTokens }: DecodeJob,
  generate: (prompts: DecodeJob['prompts'], numIds: number) => Promise<readonly TimedIds[]>,
  report: (result: DecodeResult) => void,
): Promise<void> {
  for (const batchSize of BATCH_SIZES) {
    const batch = prompts.slice(0, batchSize);
    await generate(batch, maxNewTokens);
    const sequences = await generate(batch, maxNewTokens);
    report({ batchSize, ids: sequences.map(({ ids }) => ids), tokensPerSecond: decodeSpeed(sequences) });
  }
}
