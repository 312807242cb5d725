// Operands of `sample` and `sample_probs` on the host: rows of logits, each with its own way of being drawn from.
import type { SamplingFilters } from '../../reference/sampling.ts';
import { normals } from '../../util/random-values.ts';
import { hostTensor, type KernelOperands, unwritten } from '../kernel-case.ts';
import type { sample, sampleProbs } from './sample.ts';
import { SAMPLING_WORDS, samplingWords } from './sampling-row.ts';

/** Row of logits [V] and how to draw from it; filters that are left out are off. */
export interface SampledRow extends Partial<SamplingFilters> {
  readonly logits: Float32Array;
  readonly seed?: number;
  readonly position?: number;
}

/** Ids that may be drawn, and where drawn ids go. */
export interface SampleOptions {
  /** Default V. */
  readonly allowed?: number | undefined;
  /** Slot of each row; by default its index. */
  readonly tokenSlots?: readonly number[] | undefined;
  /** Length of next_tokens; default R. */
  readonly numSlots?: number | undefined;
}

/** Word of `next_tokens` before a dispatch. */
export const NO_TOKEN = -77;
/** Word of `sampled` before a dispatch. */
const UNWRITTEN_SAMPLED = 0xdeadbeef;

/** Filters of a row as the kernel gets them, rounded to f32. */
export function filtersOf({ temperature = 1, topK = 0, topP = 1, minP = 0 }: Partial<SamplingFilters>) {
  return { temperature: Math.fround(temperature), topK, topP: Math.fround(topP), minP: Math.fround(minP) };
}

/** Makes R rows of V normal logits with seeds on both sides of 2^32, so that both words of them count. */
export function drawRows(V: number, R: number, scale: number, filters: Partial<SamplingFilters>): SampledRow[] {
  return Array.from({ length: R }, (_, r) => {
    const logits = normals(r % 10, V, scale);
    return { ...filters, logits, seed: r * 2 ** (r % 40) + r, position: (r * 7) % 1024 };
  });
}

/** Operands of one dispatch of `sample` over rows of one length. */
export function sampleOperands(
  rows: readonly SampledRow[],
  { allowed, tokenSlots, numSlots }: SampleOptions = {},
): KernelOperands<typeof sample.spec> {
  const [R, V] = [rows.length, rows[0]!.logits.length];
  const slots = numSlots ?? R;
  const logits = new Float32Array(R * V);
  const sampling = new Uint32Array(R * SAMPLING_WORDS);
  for (const [r, row] of rows.entries()) {
    logits.set(row.logits, r * V);
    const { seed = 0, position = 0 } = row;
    const words = samplingWords({ ...filtersOf(row), seed, position, tokenSlot: tokenSlots?.[r] ?? r });
    sampling.set(words, r * SAMPLING_WORDS);
  }
  return {
    tensors: {
      logits: hostTensor(logits, R, V),
      sampling: hostTensor(sampling, R, SAMPLING_WORDS),
      next_tokens: hostTensor(new Int32Array(slots).fill(NO_TOKEN), slots),
      sampled: hostTensor(new Uint32Array(2 * R).fill(UNWRITTEN_SAMPLED), R, 2),
    },
    scalars: { allowed: allowed ?? V },
    outputs: ['sampled', 'next_tokens'],
  };
}

/** Operands of one dispatch of `sample_probs` over rows of one length. */
export function sampleProbsOperands(
  rows: readonly SampledRow[],
  options?: SampleOptions,
): KernelOperands<typeof sampleProbs.spec> {
  const { tensors, scalars } = sampleOperands(rows, options);
  const probs = unwritten(rows.length, rows[0]!.logits.length);
  return { tensors: { ...tensors, probs }, scalars, outputs: ['sampled', 'next_tokens', 'probs'] };
}
