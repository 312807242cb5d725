// Ablation of heads: how much a score changes when one head's output is zero or the mean that it has, at every position.
import type { PointName } from '../models/points.ts';
import { RangeValueError } from '../util/errors.ts';
import { type Checks, callback, oneOf } from '../util/option-checks.ts';
import type { Metric } from './activation-patching.ts';
import { checkHelper, checkLayers, checkScore, list } from './check-helpers.ts';
import { checkIds, isTexts } from './check-ids.ts';
import { runAll } from './run-all.ts';
import type { TextModel } from './text-model.ts';

/** Score and kind of an ablation. */
export interface HeadAblationOptions {
  readonly metric: Metric;
  /** Output that takes the place of a head's: zeros, or its mean over all positions of `texts`; `zero`. */
  readonly by?: 'zero' | 'mean' | undefined;
  /** Texts that means are of; by default the text itself. */
  readonly texts?: readonly (readonly number[])[] | undefined;
  /** All by default. */
  readonly layers?: readonly number[] | undefined;
  /** Receives the number of runs that are done, and of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Scores of ablated runs. */
export interface AblationScores {
  readonly layers: readonly number[];
  readonly numHeads: number;
  /** [layers, heads] */
  readonly scores: Float64Array;
  /** Score of the text as it is. */
  readonly baseline: number;
}

const HEAD_ABLATION: Checks<HeadAblationOptions> = {
  metric: callback,
  by: oneOf(['zero', 'mean']),
  texts: { expected: 'an array of texts, at least one', accepts: isTexts },
  layers: list,
  onProgress: callback,
};

/**
 * Runs a text once for every head, without it.
 *
 * @throws RangeValueError as `forward`, for a layer that is not there, a metric that gives no number, and texts without means.
 */
export async function headAblation(
  model: TextModel,
  ids: readonly number[],
  options: HeadAblationOptions,
): Promise<AblationScores> {
  const {
    metric,
    by = 'zero',
    texts,
    onProgress = () => {},
    layers: asked,
  } = checkHelper('headAblation', model, options, HEAD_ABLATION);
  if (metric === undefined) throw new RangeValueError('metric', metric, callback.expected);
  if (by === 'zero' && texts !== undefined) throw new RangeValueError('texts', texts, 'none, as heads are set to zero');
  for (const [i, text] of (texts ?? []).entries())
    checkIds(`texts[${i}]`, text, model.config, { least: 1, most: model.maxModelLen });
  const { numLayers, numHeads } = model.config;
  const layers = checkLayers(asked, numLayers);
  const points = layers.map((layer): PointName => `blocks.${layer}.z`);
  const baseline = checkScore('of the text', metric(await model.nextLogits(ids)));
  const means = by === 'mean' ? await meansOf(model, texts ?? [ids], points) : null;
  const scores = new Float64Array(layers.length * numHeads);
  for (const [row, at] of points.entries()) {
    const runs = Array.from({ length: numHeads }, async (_, head) => {
      const edit = [{ at, head, set: means?.get(at) ?? 0 }];
      const place = row * numHeads + head;
      scores[place] = checkScore(`at ${at}, head ${head}`, metric(await model.nextLogits(ids, { edit })));
      onProgress(place + 1, scores.length);
    });
    await runAll(runs);
  }
  return { layers, numHeads, scores, baseline };
}

/** Computes the mean over all positions of some texts at points: without the first size of each. */
async function meansOf(
  model: TextModel,
  texts: readonly (readonly number[])[],
  points: readonly PointName[],
): Promise<ReadonlyMap<PointName, Float32Array>> {
  const sums = new Map<PointName, Float64Array>();
  let numRows = 0;
  for (const ids of texts) {
    using result = await model.forward(ids, { taps: points });
    for (const [point, tap] of result.taps) {
      const values = await tap.readF32();
      const width = values.length / ids.length;
      const sum = sums.get(point) ?? new Float64Array(width);
      for (const [i, value] of values.entries()) sum[i % width]! += value;
      sums.set(point, sum);
    }
    numRows += ids.length;
  }
  return new Map([...sums].map(([point, sum]) => [point, Float32Array.from(sum, (total) => total / numRows)]));
}
