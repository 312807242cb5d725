import { allVariants, type NamedVariant } from '../gpu/kernel-variants.ts';
import { gumbelSample, processLogits, type SamplingFilters } from '../reference/sampling.ts';
import { splitSeed, uniform } from '../util/rng.ts';
import { Judge, type KernelReport } from './judge.ts';
import { randomValues } from './random-values.ts';
import type { Subject } from './subject.ts';
import { runOnce } from './tensors.ts';

/** Words of a row of `sampling`. */
const WORDS = 8;
/** Scores are below 40 in size, where f32 steps by 3.8e-6: a draw whose two best are closer may fall either way. */
const CLEAR_GAP = 1e-3;
const POSITION = 12;

/** How the rows are drawn; temperature 0 has equal best logits. Numbers are exact in f32. */
const FILTERS: readonly SamplingFilters[] = [
  { temperature: 0, topK: 0, topP: 1, minP: 0 },
  { temperature: 1, topK: 0, topP: 1, minP: 0 },
  { temperature: 0.75, topK: 40, topP: 0.9375, minP: 0 },
  { temperature: 1.25, topK: 0, topP: 0.5, minP: 0.015625 },
];

interface Row {
  readonly filters: SamplingFilters;
  readonly logits: Float32Array;
  readonly seed: number;
  readonly id: number;
}

/** Rows of logits as wide as the vocabulary, drawn together and each alone. */
export async function checkSample({ device, kernels, config }: Subject): Promise<KernelReport> {
  const V = config.vocabSize;
  const kernel = kernels.sample;
  const rows = FILTERS.map((filters, r) => makeRow(filters, V, r));
  const run = ({ choice }: NamedVariant, drawn: readonly Row[], output: 'sampled' | 'next_tokens') => {
    const R = drawn.length;
    const logits = new Float32Array(R * V);
    for (const [r, row] of drawn.entries()) logits.set(row.logits, r * V);
    const tensors = {
      logits: { data: logits, shape: [R, V] },
      sampling: { data: samplingWords(drawn), shape: [R, WORDS] },
      next_tokens: { data: new Int32Array(R).fill(-1), shape: [R] },
      sampled: { data: new Uint32Array(2 * R).fill(0xdeadbeef), shape: [R, 2] },
    };
    return runOnce(device, { kernel, tensors, scalars: { allowed: V }, choice, output });
  };
  const judge = new Judge(kernel.name);
  const variants = allVariants(kernel, device.traits);
  const what = `${rows.length} rows of ${V}`;
  const sampled = variants.map((variant) => ({ variant, what, run: () => run(variant, rows, 'sampled') }));
  const alone = variants
    .filter(({ isBase, usedByModel }) => isBase || usedByModel)
    .flatMap((variant) =>
      rows.map((row, r) => ({
        variant,
        what: `row ${r} of ${V} alone`,
        start: 2 * r,
        run: () => run(variant, [row], 'sampled'),
      })),
    );
  const toNumbers = (words: Uint32Array) => words;
  await judge.check([...sampled, ...alone], { want: rows.flatMap(({ id }) => [id, 1]), tolerance: null, toNumbers });
  const inSlots = rows.map(({ id }) => id).reverse();
  const slots = variants.slice(0, 2).map((variant) => ({
    variant,
    what: 'token slots',
    run: () => run(variant, rows, 'next_tokens'),
  }));
  await judge.check(slots, { want: inSlots, tolerance: null, toNumbers });
  return judge.report();
}

/** A row with the first seed whose draw is clear. */
function makeRow(filters: SamplingFilters, V: number, r: number): Row {
  const logits = randomValues(r, V, 2);
  if (filters.temperature === 0) for (const id of [V >> 1, V >> 2, V - 1]) logits[id] = 9;
  const logits64 = new Float64Array(logits);
  const probs = processLogits(logits64, filters);
  let seed = 2 ** 40 + r;
  while (scoreGap(probs, seed) < CLEAR_GAP) seed++;
  return { filters, logits, seed, id: gumbelSample(logits64, filters, seed, POSITION) };
}

/** Difference of the two best scores. */
function scoreGap(probs: Float64Array, seed: number): number {
  let [best, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  probs.forEach((p, id) => {
    if (p === 0) return;
    const score = Math.log(p) - Math.log(-Math.log(uniform(seed, POSITION, id)));
    if (score > best) [best, second] = [score, best];
    else if (score > second) second = score;
  });
  return best - second;
}

/** Rows as src/runtime/step-inputs.ts packs them; token slots run backwards. */
function samplingWords(rows: readonly Row[]): Uint32Array {
  const words = new Uint32Array(rows.length * WORDS);
  const floats = new Float32Array(words.buffer);
  for (const [r, { filters, seed }] of rows.entries()) {
    words.set([0, filters.topK, 0, 0, ...splitSeed(seed), POSITION, rows.length - 1 - r], r * WORDS);
    floats[r * WORDS] = filters.temperature;
    floats.set([filters.topP, filters.minP], r * WORDS + 2);
  }
  return words;
}
