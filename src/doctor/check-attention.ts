// Check of attention over a paged cache: as decode rows and as prefill tiles, in one workgroup a row and in splits that are
// folded, a sequence among others and alone. All of them must have the same bits.
import { allVariants, type NamedVariant } from '../gpu/kernel-variants.ts';
import { SPLIT_KEYS } from '../kernels/attention/attention.ts';
import { expectedAttention } from '../kernels/attention/expected.ts';
import { AttentionStep, type Span } from '../kernels/attention/operands.ts';
import { PREFILL_TILE_ROWS } from '../kernels/attention/query-tiles.ts';
import { type Expected, floatsOf } from '../kernels/kernel-case.ts';
import type { ModelConfig } from '../models/config.ts';
import { DEFAULT_BLOCK_SIZE as BLOCK_SIZE } from '../runtime/runner-sizes.ts';
import { Judge, type KernelReport, type PlannedRun } from './judge.ts';
import type { Subject } from './subject.ts';
import { runOnce } from './tensors.ts';

/** Decode rows with few keys, and the end of a prompt that reaches into a fourth split. */
const SPANS: readonly Span[] = [
  { context: 1, queries: 1 },
  { context: BLOCK_SIZE + 1, queries: 1 },
  { context: 3 * SPLIT_KEYS + 5, queries: PREFILL_TILE_ROWS + 3 },
];

/** Examines `attention`, then splits and fold. */
export async function checkAttention(subject: Subject): Promise<KernelReport[]> {
  const { config, kvDtype } = subject;
  const shape = { H: config.numHeads, D: config.headDim, P: BLOCK_SIZE, dtype: kvDtype };
  const spans = SPANS.map((span) => clip(span, config));
  const step = AttentionStep.random(shape, spans);
  const expected = expectedAttention(step);
  const judge = new Judge(subject.kernels.attention.name);
  const bits = await judge.check(wholeRuns(subject, step), expected);
  return [judge.report(), await checkSplits(subject, step, expected, bits)];
}

/** Every variant on the whole step, then the base and the model's on the last sequence by itself, in other blocks. */
function wholeRuns(subject: Subject, step: AttentionStep): PlannedRun[] {
  const { device, kernels } = subject;
  const model = [1, PREFILL_TILE_ROWS].map((ROWS) => ({ constants: { ROWS } }));
  const variants = allVariants(kernels.attention, device.traits, fixedOf(subject), model);
  const alone = new AttentionStep(step.shape, step.sequences.slice(-1), 2);
  const start = (step.numTokens - alone.numTokens) * step.channels;
  return [
    ...variants.map((variant) => ({
      variant,
      what: `${step.numTokens} tokens`,
      run: () => runWhole(subject, step, variant),
    })),
    ...variants
      .filter(({ isBase, usedByModel }) => isBase || usedByModel)
      .map((variant) => ({
        variant,
        what: `${alone.numTokens} tokens alone`,
        start,
        run: () => runWhole(subject, alone, variant),
      })),
  ];
}

function runWhole({ device, kernels }: Subject, step: AttentionStep, { choice }: NamedVariant): Promise<Uint32Array> {
  const { tensors, scalars } = step.whole(choice.constants.ROWS ?? 1);
  return runOnce(device, { kernel: kernels.attention, tensors, scalars, choice, output: 'out' });
}

/** @param bits of `attention`; null where they are wrong. */
async function checkSplits(
  subject: Subject,
  step: AttentionStep,
  expected: Expected,
  bits: Uint32Array | null,
): Promise<KernelReport> {
  const { device, kernels } = subject;
  const { attentionSplit, attentionFold } = kernels;
  const split = step.split();
  const run = async ({ choice }: NamedVariant) => {
    const partials = await runOnce(device, { kernel: attentionSplit, ...split, choice, output: 'partials' });
    return runOnce(device, { kernel: attentionFold, ...step.fold(floatsOf(partials)), output: 'out' });
  };
  const runs = allVariants(attentionSplit, device.traits, fixedOf(subject)).map((variant) => ({
    variant,
    what: `${step.numTokens} tokens in ${step.numSplits} splits`,
    run: () => run(variant),
  }));
  const judge = new Judge(`${attentionSplit.name} + ${attentionFold.name}`);
  await judge.check(runs, expected, bits);
  return judge.report();
}

/** Choices that all variants of a model share. */
function fixedOf({ config, kvDtype }: Subject) {
  return { conditions: { KV_F16: kvDtype === 'f16' }, constants: { D: config.headDim } };
}

/** A span within the model's positions. */
function clip({ context, queries }: Span, { numPositions }: ModelConfig): Span {
  const length = Math.min(context, numPositions);
  return { context: length, queries: Math.min(queries, length) };
}
