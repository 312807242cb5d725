// Activation patching: which activations of one text make a difference in another (Meng et al. 2022, arXiv:2202.05262, where it is
// causal tracing). The unpatched text is computed once: a run that is patched at position p computes the tokens from p on.
import { BLOCK_POINTS, type BlockPoint, type PointName } from '../models/points.ts';
import { RangeValueError } from '../util/errors.ts';
import { type Checks, callback, oneOf } from '../util/option-checks.ts';
import { checkHelper, checkLayers, checkNumbers, checkScore, list } from './check-helpers.ts';
import { checkIds } from './check-ids.ts';
import { runAll } from './run-all.ts';
import type { TextModel } from './text-model.ts';

/** Scores a run by the logits [V] after its text. */
export type Metric = (logits: Float32Array) => number;

/** Texts, place and score of activation patching. */
export interface ActivationPatchingOptions {
  /** Text that the activations are of. */
  readonly clean: readonly number[];
  /** Text that runs with them, of as many tokens. */
  readonly corrupted: readonly number[];
  readonly metric: Metric;
  /** Point of each block that is patched; `resid_pre`. */
  readonly at?: BlockPoint | undefined;
  /** All by default. */
  readonly layers?: readonly number[] | undefined;
  /** All by default. */
  readonly positions?: readonly number[] | undefined;
  /** Receives the number of runs that are done, and of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Scores of patched runs. */
export interface PatchingScores {
  readonly layers: readonly number[];
  readonly positions: readonly number[];
  /** [layers, positions] */
  readonly scores: Float64Array;
  /** Score of the clean text. */
  readonly clean: number;
  /** Score of the corrupted text as it is. */
  readonly corrupted: number;
}

const ACTIVATION_PATCHING: Checks<ActivationPatchingOptions> = {
  clean: list,
  corrupted: list,
  metric: callback,
  at: oneOf(BLOCK_POINTS),
  layers: list,
  positions: list,
  onProgress: callback,
};

/**
 * Runs the corrupted text once for every layer and position with the clean text's activation in that place.
 *
 * @throws RangeValueError for texts of two lengths, or that are none of the model, a layer or position that is not there, a metric that
 * gives no number, and an unknown option.
 */
export async function activationPatching(
  model: TextModel,
  options: ActivationPatchingOptions,
): Promise<PatchingScores> {
  const {
    clean,
    corrupted,
    metric,
    at = 'resid_pre',
    onProgress = () => {},
    ...places
  } = checkHelper('activationPatching', model, options, ACTIVATION_PATCHING);
  if (metric === undefined) throw new RangeValueError('metric', metric, callback.expected);
  for (const [name, ids] of Object.entries({ clean, corrupted }))
    checkIds(name, ids, model.config, { least: 1, most: model.maxModelLen });
  if (clean.length !== corrupted.length)
    throw new RangeValueError('tokens of corrupted', corrupted.length, `${clean.length}, as clean has`);
  const layers = checkLayers(places.layers, model.config.numLayers);
  const positions = checkNumbers('positions', places.positions, corrupted.length);
  const of = { clean: checkScore('of the clean text', metric(await model.nextLogits(clean))), corrupted: 0 };
  of.corrupted = checkScore('of the corrupted text', metric(await model.nextLogits(corrupted)));
  const points = layers.map((layer): PointName => `blocks.${layer}.${at}`);
  using source = await model.forward(clean, { taps: points });
  using prefix = await model.prefill(corrupted);
  const scores = new Float64Array(layers.length * positions.length);
  for (const [column, position] of positions.entries()) {
    const [rest, cache] = [corrupted.slice(position), position > 0 ? prefix.prefix(position) : undefined];
    const runs = points.map(async (point, row) => {
      const edit = [{ at: point, position, set: source.taps.get(point)! }];
      const score = metric(await model.nextLogits(rest, { cache, edit }));
      scores[row * positions.length + column] = checkScore(`at ${point}, position ${position}`, score);
      onProgress(column * points.length + row + 1, scores.length);
    });
    await runAll(runs);
  }
  return { layers, positions, scores, ...of };
}
