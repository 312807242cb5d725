import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import type { Tensor } from '../../../src/gpu/tensor.ts';
import { sample, sampleProbs } from '../../../src/kernels/sample/sample.ts';
import type { SamplingFilters } from '../../../src/reference/sampling.ts';
import { splitSeed } from '../../../src/util/rng.ts';
import { GuardedTensor, nans, operand } from './guarded-tensor.ts';
import { floatsOf } from './run-kernel.ts';

/** One row of logits [V] and how to draw from it; what is left out is off. */
export interface SamplingCase extends Partial<SamplingFilters> {
  readonly logits: Float32Array;
  readonly seed?: number;
  readonly position?: number;
}

export interface Draws {
  /** [R] */
  readonly ids: readonly number[];
  /** [R] 1 where all logits of the row are finite, else 0. */
  readonly finite: readonly number[];
  readonly nextTokens: readonly number[];
}

interface RunOptions {
  /** V when absent. */
  readonly allowed?: number;
  /** The kernel's default when absent. */
  readonly LANES?: number;
  /** Slot of each row; its index when absent. */
  readonly tokenSlots?: readonly number[];
  /** Length of next_tokens; R when absent. */
  readonly numSlots?: number;
}

/** What `next_tokens` holds before a run. */
export const NO_TOKEN = -77;

const GARBAGE = 0xdeadbeef;
const WORDS = 8;

/** Runs `sample` or a mutant of it on rows of one length. All tensors end in guard words, outputs start as garbage. */
export async function draw(
  device: Device,
  rows: readonly SamplingCase[],
  options: RunOptions = {},
  kernel: Kernel = sample,
): Promise<Draws> {
  return (await run(device, kernel, rows, options)).draws;
}

/** As `draw` with `sampleProbs`: also the distribution [V] of each row. */
export async function drawWithProbs(
  device: Device,
  rows: readonly SamplingCase[],
  options: RunOptions = {},
  kernel: Kernel = sampleProbs,
): Promise<Draws & { readonly probs: readonly Float32Array[] }> {
  const { draws, probs } = await run(device, kernel, rows, options);
  const V = probs.length / rows.length;
  return { ...draws, probs: rows.map((_, r) => probs.subarray(r * V, (r + 1) * V)) };
}

/** The filters as the kernel gets them, rounded to f32. */
export function filtersOf({
  temperature = 1,
  topK = 0,
  topP = 1,
  minP = 0,
}: Partial<SamplingFilters>): SamplingFilters {
  return { temperature: Math.fround(temperature), topK, topP: Math.fround(topP), minP: Math.fround(minP) };
}

async function run(
  device: Device,
  kernel: Kernel,
  rows: readonly SamplingCase[],
  { allowed, LANES, tokenSlots, numSlots = rows.length }: RunOptions,
): Promise<{ draws: Draws; probs: Float32Array }> {
  const R = rows.length;
  const V = rows[0]!.logits.length;
  const logits = new Float32Array(R * V);
  const sampling = new Uint32Array(R * WORDS);
  const floats = new Float32Array(sampling.buffer);
  rows.forEach((row, r) => {
    logits.set(row.logits, r * V);
    const { temperature, topK, topP, minP } = filtersOf(row);
    const words = [0, topK, 0, 0, ...splitSeed(row.seed ?? 0), row.position ?? 0, tokenSlots?.[r] ?? r];
    sampling.set(words, r * WORDS);
    floats[r * WORDS] = temperature;
    floats.set([topP, minP], r * WORDS + 2);
  });

  using owned = new DisposableStack();
  const guarded = {
    logits: owned.use(new GuardedTensor(device, 'logits', operand(logits, R, V))),
    sampling: owned.use(new GuardedTensor(device, 'sampling', operand(sampling, R, WORDS))),
    next_tokens: owned.use(
      new GuardedTensor(device, 'next_tokens', operand(new Int32Array(numSlots).fill(NO_TOKEN), numSlots)),
    ),
    sampled: owned.use(new GuardedTensor(device, 'sampled', operand(new Uint32Array(2 * R).fill(GARBAGE), R, 2))),
    probs: owned.use(new GuardedTensor(device, 'probs', nans(R, V))),
  };
  const tensors: Record<string, Tensor> = {};
  for (const [name, { tensor }] of Object.entries(guarded)) if (name in kernel.spec.bindings) tensors[name] = tensor;
  const choice = LANES === undefined ? {} : { overrides: { LANES } };
  await kernel.run(device, tensors, { allowed: allowed ?? V }, choice);

  const sampled = await guarded.sampled.readWords();
  const nextTokens = await guarded.next_tokens.readWords();
  const probs = floatsOf(await guarded.probs.readWords());
  const ids = rows.map((_, r) => sampled[2 * r]!);
  const finite = rows.map((_, r) => sampled[2 * r + 1]!);
  return { draws: { ids, finite, nextTokens: [...nextTokens].map((word) => word | 0) }, probs };
}
