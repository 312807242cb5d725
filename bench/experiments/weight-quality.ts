// Quality of stored weights: perplexity and divergence from f32, on a text and by windows of it.
import type { DeviceOptions } from '../../src/gpu/device-options.ts';
import type { OfferedDType } from '../../src/kernels/weights/weight-tiles.ts';
import { loadTextModel } from '../../src/research/load-text-model.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { type Figure, mapFigure, ratio } from '../../src/util/figures.ts';

/** Distance of a model with stored weights from the same one with f32 weights, on a text. */
export interface WeightQuality {
  readonly dtype: OfferedDType;
  /** Predicted tokens. */
  readonly tokens: number;
  readonly perplexity: number;
  /** Perplexity over that of f32, less 1. */
  readonly perplexityIncrease: Figure;
  /** Mean over the predicted tokens of KL(f32 ‖ dtype), in nats. */
  readonly kl: number;
}

/** Model and text of a comparison. */
export interface WeightQualityOptions extends Pick<DeviceOptions, 'adapter' | 'reduction'> {
  readonly model?: string | undefined;
  readonly text: string;
  /** Most tokens that a token is predicted from; windows do not overlap. */
  readonly window: number;
  /** Most tokens of the text; all when absent. */
  readonly maxTokens?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const COMPARED: readonly OfferedDType[] = ['f16', 'q8', 'q4'];

/** Sums over the predicted tokens of a window. */
interface WindowSums {
  nats: number;
  kl: number;
}

/**
 * Compares f16, q8 and q4 weights with f32 on a text.
 *
 * @throws the signal's reason; RoseinferError, as `loadTextModel`; RangeValueError for a text of fewer than two tokens
 * or a window beyond the model.
 */
export async function measureWeightQuality(options: WeightQualityOptions): Promise<WeightQuality[]> {
  const { model, adapter, reduction, text, window, maxTokens, signal } = options;
  using opened = new DisposableStack();
  const load = async (dtype: OfferedDType) => opened.use(await loadTextModel(model, { dtype, adapter, reduction }));
  const exact = await load('f32');
  const ids = exact.tokenizer.encode(text).slice(0, maxTokens);
  if (ids.length < 2) throw new RangeValueError('number of tokens of --text', ids.length, 'at least 2');
  const { numPositions } = exact.model.config;
  if (window > numPositions)
    throw new RangeValueError('--window', window, `at most ${numPositions}, the model's positions`);
  const stored = await Promise.all(COMPARED.map(load));
  const totals = COMPARED.map((): WindowSums => ({ nats: 0, kl: 0 }));
  let nats = 0;
  for (let start = 0; start < ids.length - 1; start += window) {
    signal?.throwIfAborted();
    const inputs = ids.slice(start, Math.min(start + window, ids.length - 1));
    const targets = ids.slice(start + 1, start + 1 + inputs.length);
    const logprobs = await logprobsOf(exact, inputs);
    nats += sumNats(logprobs, targets);
    for (const [i, loaded] of stored.entries()) {
      const got = await logprobsOf(loaded, inputs);
      totals[i]!.nats += sumNats(got, targets);
      totals[i]!.kl += sumDivergence(logprobs, got);
    }
  }
  const tokens = ids.length - 1;
  const exactly = { dtype: 'f32', tokens, perplexity: Math.exp(nats / tokens), perplexityIncrease: 0, kl: 0 } as const;
  return [
    exactly,
    ...totals.map((sums, i) => {
      const perplexity = Math.exp(sums.nats / tokens);
      const perplexityIncrease = mapFigure(ratio(perplexity, exactly.perplexity), (factor) => factor - 1);
      return { dtype: COMPARED[i]!, tokens, perplexity, perplexityIncrease, kl: sums.kl / tokens };
    }),
  ];
}

/** Computes the log-probabilities after every id, rows of V. */
async function logprobsOf({ model }: Awaited<ReturnType<typeof loadTextModel>>, ids: readonly number[]) {
  const { logits } = await model.forward(ids);
  using owned = logits;
  const all = await owned.readF32();
  const V = model.config.vocabSize;
  return ids.map((_, t) => {
    const row = Float64Array.from(all.subarray(t * V, (t + 1) * V));
    const max = row.reduce((largest, logit) => Math.max(largest, logit), Number.NEGATIVE_INFINITY);
    const log = max + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - max), 0));
    return row.map((logit) => logit - log);
  });
}

function sumNats(rows: readonly Float64Array[], targets: readonly number[]): number {
  return -rows.reduce((sum, row, t) => sum + row[targets[t]!]!, 0);
}

/** Sums KL(p ‖ q) = Σ p (log p − log q) over the rows, in nats. */
function sumDivergence(p: readonly Float64Array[], q: readonly Float64Array[]): number {
  let sum = 0;
  for (const [t, row] of p.entries())
    row.forEach((logp, id) => {
      sum += Math.exp(logp) * (logp - q[t]![id]!);
    });
  return sum;
}
