import { allVariants, type NamedVariant } from '../gpu/kernel-variants.ts';
import {
  ADJUST_ENTRY_WORDS,
  ADJUST_MASKED,
  ADJUST_ROW_WORDS,
  ADJUST_SEEN,
  NO_NEWEST_SLOT,
} from '../kernels/adjust-logits/adjust-logits.ts';
import { LOGPROB_WORDS } from '../kernels/logprobs/logprobs.ts';
import { adjustmentBound } from '../reference/error-bounds.ts';
import { logSoftmax } from '../reference/operators.ts';
import { adjustLogits } from '../reference/sampling.ts';
import { Judge, type KernelReport, type PlannedRun } from './judge.ts';
import { randomValues } from './random-values.ts';
import type { Subject } from './subject.ts';
import { runOnce, toFloats, unwritten } from './tensors.ts';

/** Rows that are computed together and, by the base and the model's variants, each alone. */
const R = 3;

function planRuns(
  variants: readonly NamedVariant[],
  width: number,
  run: (v: NamedVariant, rows: number[]) => PlannedRun['run'],
) {
  const all = Array.from({ length: R }, (_, r) => r);
  const together = variants.map((variant) => ({ variant, what: `${R} rows`, run: run(variant, all) }));
  const mustWork = variants.filter(({ isBase, usedByModel }) => isBase || usedByModel);
  const alone = mustWork.flatMap((variant) =>
    all.map((r) => ({ variant, what: `row ${r} alone`, start: r * width, run: run(variant, [r]) })),
  );
  return [...together, ...alone];
}

/** Bias, penalties and mask on rows as wide as the vocabulary; the newest id is on the GPU only. */
export async function checkAdjustLogits({ device, kernels, config }: Subject): Promise<KernelReport> {
  const V = config.vocabSize;
  const kernel = kernels.adjustLogits;
  const logits = Array.from({ length: R }, (_, r) => randomValues(r, V, 2));
  const [repetition, presence, frequency, bias] = [1.25, 0.5, 0.125, -1.5];
  // Of each row: an id of the prompt, one twice in the output, one with a bias, a masked one, and the newest of the output.
  const idsOf = (r: number) => [0, 1, 2, 3, 4].map((i) => Math.floor((V * (5 * r + i)) / (5 * R)));
  const expected = logits.map((row, r) => {
    const [prompt = 0, twice = 0, biased = 0, masked = 0, newest = 0] = idsOf(r);
    const row64 = new Float64Array(row);
    const want = adjustLogits(row64, {
      promptIds: [prompt],
      outputIds: [twice, twice, newest],
      logitBias: { [biased]: bias },
      repetitionPenalty: repetition,
      presencePenalty: presence,
      frequencyPenalty: frequency,
    });
    const changed = new Set(idsOf(r));
    const sizes = { repetition, presence, frequency: 2 * frequency, bias };
    const tolerance = row64.map((logit, id) => (changed.has(id) ? adjustmentBound(logit, sizes) : 0));
    want[masked] = Math.fround(-3.4e38);
    return { want, tolerance };
  });
  const run =
    ({ choice }: NamedVariant, rows: number[]) =>
    () => {
      const entries = rows.flatMap((r) => {
        const [prompt = 0, twice = 0, biased = 0, masked = 0] = idsOf(r);
        return [
          [prompt, 0, 0, ADJUST_SEEN],
          [twice, 2, 0, ADJUST_SEEN],
          [biased, 0, f32Bits(bias), 0],
          [masked, 0, 0, ADJUST_MASKED],
        ];
      });
      const perRow = entries.length / rows.length;
      const rowWords = rows.map((_, i) => {
        return [i * perRow, (i + 1) * perRow, ...[repetition, presence, frequency].map(f32Bits), i];
      });
      const tensors = {
        logits: { data: Float32Array.from(flat(rows.map((r) => logits[r]!))), shape: [rows.length, V] },
        rows: { data: Uint32Array.from(rowWords.flat()), shape: [rows.length, ADJUST_ROW_WORDS] },
        entries: { data: Uint32Array.from(entries.flat()), shape: [entries.length, ADJUST_ENTRY_WORDS] },
        next_tokens: { data: Int32Array.from(rows, (r) => idsOf(r)[4]!), shape: [rows.length] },
        out: unwritten(rows.length, V),
      };
      return runOnce(device, { kernel, tensors, choice, output: 'out' });
    };
  const judge = new Judge(kernel.name);
  const want = flat(expected.map((row) => row.want));
  const tolerance = flat(expected.map((row) => row.tolerance));
  const runs = planRuns(allVariants(kernel, device.traits), V, run);
  await judge.check(runs, { want, tolerance, toNumbers: toFloats });
  return judge.report();
}

/** Most likely ids of which log-probabilities are asked for. */
const TOP = 5;
/** What the kernel promises for logits below 100 in size. */
const LOGPROB_ERROR = 1e-5;

/** Log-probabilities of a given id and of the most likely ones, two of which are equally likely. */
export async function checkLogprobs({ device, kernels, config }: Subject): Promise<KernelReport> {
  const V = config.vocabSize;
  const kernel = kernels.logprobs;
  const chosen = Array.from({ length: R }, (_, r) => Math.floor((V * (r + 1)) / (R + 1)));
  const top = Math.min(TOP, V);
  const logits = chosen.map((_, r) => {
    const row = randomValues(r, V, 2);
    for (const id of [V >> 1, V >> 2]) row[id] = 7;
    return row;
  });
  const width = 1 + 2 * top;
  const want = new Float64Array(R * width);
  const tolerance = new Float64Array(R * width);
  for (const [r, row] of logits.entries()) {
    const logs = logSoftmax(new Float64Array(row));
    const best = [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, top);
    want.set([logs[chosen[r]!]!, ...best.flatMap((id) => [id, logs[id]!])], r * width);
    for (let i = 0; i < width; i += 2) tolerance[r * width + i] = LOGPROB_ERROR;
  }
  const run =
    ({ choice }: NamedVariant, rows: number[]) =>
    async () => {
      const tensors = {
        logits: { data: Float32Array.from(flat(rows.map((r) => logits[r]!))), shape: [rows.length, V] },
        chosen: { data: Uint32Array.from(rows, (r) => chosen[r]!), shape: [rows.length, 1] },
        wanted: { data: new Uint32Array(rows.length).fill(1 + top), shape: [rows.length] },
        records: {
          data: new Uint32Array(rows.length * LOGPROB_WORDS).fill(NO_NEWEST_SLOT),
          shape: [rows.length, LOGPROB_WORDS],
        },
      };
      const words = await runOnce(device, { kernel, tensors, choice, output: 'records' });
      return words.filter((_, i) => i % LOGPROB_WORDS < width);
    };
  // A record starts with a log-probability; ids and log-probabilities take turns behind it.
  const toNumbers = (words: Uint32Array) => {
    const floats = toFloats(words);
    return Float64Array.from(words, (word, i) => ((i % width) % 2 === 0 ? floats[i]! : word));
  };
  const judge = new Judge(kernel.name);
  await judge.check(planRuns(allVariants(kernel, device.traits), width, run), { want, tolerance, toNumbers });
  return judge.report();
}

/** The numbers of all rows. */
function flat(rows: readonly ArrayLike<number>[]): number[] {
  return rows.flatMap((row) => Array.from(row));
}

function f32Bits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}
