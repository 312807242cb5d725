// Examinations of attention over a paged cache: as decode rows and as prefill tiles, in one workgroup a row and in splits that
// are folded, a sequence among others and alone. All of them must have the same bits.
import { type CaseRun, type Examination, type ExaminedCase, type ModelWork, tunedChoices } from '../examination.ts';
import { floatsOf } from '../kernel-case.ts';
import { kvDType } from '../kv-write/kv-write.ts';
import { attention, attentionFold, attentionSplit, NO_WINDOW } from './attention.ts';
import { expectedAttention } from './expected.ts';
import { type AttentionShape, AttentionStep, type Span, sumsOf } from './operands.ts';
import { PREFILL_TILE_TOKENS } from './query-tiles.ts';

/** Keys. */
const SLIDING_WINDOW = 90;

/** Makes decode rows with few keys, and the end of a prompt that reaches into a fourth split, within some positions. */
function spans({ P, sums: { splitKeys } }: AttentionShape, numPositions: number): Span[] {
  const all = [
    { context: 1, queries: 1 },
    { context: P + 1, queries: 1 },
    { context: 3 * splitKeys + 5, queries: PREFILL_TILE_TOKENS + 3 },
  ];
  return all.map(({ context, queries }) => {
    const length = Math.min(context, numPositions);
    return { context: length, queries: Math.min(queries, length) };
  });
}

/** Window of the rows of a model that slides: it begins and ends inside of splits and tiles of the last of `spans`. */
function slides(window: number) {
  return window < NO_WINDOW ? { window: Math.min(window, SLIDING_WINDOW) } : {};
}

/** Examines `attention`, then splits and fold. */
export function examineAttention(work: ModelWork): readonly Examination[] {
  const [kernel, split, fold] = [work.kernel(attention), work.kernel(attentionSplit), work.kernel(attentionFold)];
  const dispatches = work.of(attention);
  const cases = dispatches.slice(-1).map(({ dims: { G, SHARE, D, P, A, window }, variant }) => {
    const { KV_F16 = false } = variant.conditions;
    const shape = { G, SHARE, D, P, dtype: kvDType(variant.conditions), sums: sumsOf(variant), ...slides(window) };
    const step = AttentionStep.random(shape, spans(shape, A * P));
    const alone = new AttentionStep(step.shape, step.sequences.slice(-1), 2);
    const common = {
      fixed: { conditions: { KV_F16 }, constants: { D, SHARE } },
      variants: 'all',
      expected: expectedAttention(step),
    } as const;
    const run = (what: string, of: AttentionStep, start: number): CaseRun => ({
      what: `${of.numTokens} tokens${what}`,
      start,
      run: (launch, choice) => launch(kernel, of.whole(), 'out', choice),
    });
    const whole: ExaminedCase = {
      ...common,
      kernel,
      model: tunedChoices(dispatches),
      whole: run('', step, 0),
      parts: [run(' alone', alone, (step.numTokens - alone.numTokens) * step.channels)],
    };
    const inSplits: ExaminedCase = {
      ...common,
      kernel: split,
      model: tunedChoices(work.of(attentionSplit)),
      whole: {
        what: `${step.numTokens} tokens in ${step.numSplits} splits`,
        run: async (launch, choice) => {
          const partials = await launch(split, step.split(), 'partials', choice);
          return launch(fold, step.fold(floatsOf(partials)), 'out');
        },
      },
    };
    return { whole, inSplits };
  });
  return [
    { name: kernel.name, cases: cases.map(({ whole }) => whole) },
    { name: `${split.name} + ${fold.name}`, cases: cases.map(({ inSplits }) => inSplits) },
  ];
}
