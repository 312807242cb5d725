// Checks of the kernels that work on rows of logits. A row's output depends on its own row alone: so all rows together must
// have the bits of each by itself.
import type { Kernel } from '../gpu/kernel.ts';
import type { KernelSpec } from '../gpu/kernel-spec.ts';
import { allVariants } from '../gpu/kernel-variants.ts';
import { expectedAdjustment } from '../kernels/adjust-logits/expected.ts';
import { adjustedRows, adjustOperands } from '../kernels/adjust-logits/operands.ts';
import type { Expected, KernelOperands } from '../kernels/kernel-case.ts';
import { expectedLogprobs } from '../kernels/logprobs/expected.ts';
import { logprobOperands, logprobRows } from '../kernels/logprobs/operands.ts';
import { drawnId, expectedSampled, isClearDraw } from '../kernels/sample/expected.ts';
import { drawRows, type SampledRow, sampleOperands } from '../kernels/sample/operands.ts';
import type { SamplingFilters } from '../reference/sampling.ts';
import { Judge, type KernelReport, type PlannedRun } from './judge.ts';
import type { Subject } from './subject.ts';
import { runOnce } from './tensors.ts';

/** Kernel over rows that do not depend on each other. */
interface RowCase<S extends KernelSpec, Row> {
  readonly kernel: Kernel<S>;
  readonly rows: readonly Row[];
  readonly operands: (rows: readonly Row[]) => KernelOperands<S>;
  readonly expected: Expected;
  /** Name of the output that is judged. */
  readonly output: string;
}

/** Rows together in every variant and, by the base and the model's variants, each alone. */
async function checkRows<S extends KernelSpec, Row>(
  { device }: Subject,
  judge: Judge,
  { kernel, rows, operands, expected, output }: RowCase<S, Row>,
): Promise<void> {
  const anyKernel: Kernel = kernel;
  const width = expected.want.length / rows.length;
  const variants = allVariants(anyKernel, device.traits);
  const plan = (some: readonly Row[], what: string, start: number) => {
    const { tensors, scalars } = operands(some);
    return variants.map((variant): PlannedRun & { readonly variant: (typeof variants)[number] } => ({
      variant,
      what,
      start,
      run: () => runOnce(device, { kernel: anyKernel, tensors, scalars, choice: variant.choice, output }),
    }));
  };
  const alone = rows.flatMap((row, r) => plan([row], `row ${r} alone`, r * width));
  const mustWork = alone.filter(({ variant: { isBase, usedByModel } }) => isBase || usedByModel);
  await judge.check([...plan(rows, `${rows.length} rows`, 0), ...mustWork], expected);
}

/** Bias, penalties and mask on rows as wide as the vocabulary; a newest id is on the GPU only. */
export async function checkAdjustLogits(subject: Subject): Promise<KernelReport> {
  const kernel = subject.kernels.adjustLogits;
  // The rows of the eight that have a mask.
  const rows = adjustedRows(subject.config.vocabSize, 8).slice(-3);
  const judge = new Judge(kernel.name);
  const expected = expectedAdjustment(rows);
  await checkRows(subject, judge, { kernel, rows, operands: adjustOperands, expected, output: 'out' });
  return judge.report();
}

/** Log-probabilities of a given id and of the most likely ones, some of which are equally likely. */
export async function checkLogprobs(subject: Subject): Promise<KernelReport> {
  const kernel = subject.kernels.logprobs;
  const rows = logprobRows(subject.config.vocabSize, 3);
  const judge = new Judge(kernel.name);
  const expected = expectedLogprobs(rows);
  await checkRows(subject, judge, { kernel, rows, operands: logprobOperands, expected, output: 'records' });
  return judge.report();
}

/** Filters of the drawn rows. Numbers are exact in f32. */
const FILTERS: readonly SamplingFilters[] = [
  { temperature: 0, topK: 0, topP: 1, minP: 0 },
  { temperature: 1, topK: 0, topP: 1, minP: 0 },
  { temperature: 0.75, topK: 40, topP: 0.9375, minP: 0 },
  { temperature: 1.25, topK: 0, topP: 0.5, minP: 0.015625 },
];

/** Draws from rows as wide as the vocabulary, together and each alone, and the slots that drawn ids go to. */
export async function checkSample(subject: Subject): Promise<KernelReport> {
  const { device, kernels, config } = subject;
  const kernel = kernels.sample;
  const rows = FILTERS.map((filters, r) => clearRow(config.vocabSize, r, filters));
  const judge = new Judge(kernel.name);
  const expected = expectedSampled(rows);
  await checkRows(subject, judge, { kernel, rows, operands: sampleOperands, expected, output: 'sampled' });
  // Slots run backwards.
  const { tensors, scalars } = sampleOperands(rows, { tokenSlots: [...rows.keys()].reverse() });
  const variants = allVariants(kernel, device.traits).slice(0, 2);
  const slots = variants.map((variant) => ({
    variant,
    what: 'token slots',
    run: () => runOnce(device, { kernel, tensors, scalars, choice: variant.choice, output: 'next_tokens' }),
  }));
  await judge.check(slots, { ...expected, want: Float64Array.from(rows.map(drawnId).reverse()) });
  return judge.report();
}

/** A row with the first seed from which its draw is clear; at temperature 0 its best logits are equal. */
function clearRow(V: number, r: number, filters: SamplingFilters): SampledRow {
  const row = drawRows(V, r + 1, 2, filters)[r]!;
  if (filters.temperature === 0) for (const id of [V >> 1, V >> 2, V - 1]) row.logits[id] = 9;
  let seed = 2 ** 40 + r;
  while (!isClearDraw({ ...row, seed })) seed++;
  return { ...row, seed };
}
