// Logit lens: the residual stream of every layer, unembedded as if it were the last (nostalgebraist 2020, "interpreting GPT: the logit
// lens").
import type { PointName } from '../models/points.ts';
import { RangeValueError } from '../util/errors.ts';
import { type Checks, integer } from '../util/option-checks.ts';
import { checkHelper, checkOneText, list } from './check-helpers.ts';
import { checkInteger } from './check-ids.ts';
import { cachedText, type PrefillOptions } from './research-options.ts';
import type { TextModel } from './text-model.ts';

/** Points and position of a logit lens. */
export interface LogitLensOptions extends PrefillOptions {
  /** Points [T, C]; by default `embed` and every block's `resid_post`. */
  readonly points?: readonly PointName[] | undefined;
  /** Position in the text, from 0; by default the last. */
  readonly position?: number | undefined;
}

/** Logits of a point at one position. */
export interface LensLogits {
  readonly at: PointName;
  /** [V] */
  readonly logits: Float32Array;
}

const LOGIT_LENS: Checks<LogitLensOptions> = {
  points: { expected: 'at least one name of a point', accepts: (value) => Array.isArray(value) && value.length > 0 },
  position: integer,
  cache: cachedText,
  edit: list,
};

/**
 * Computes the logits that points of the residual stream would give after the last norm; those of the last layer's are the
 * model's own, bit by bit. `topTokens` makes tables of them.
 *
 * @throws RangeValueError as `forward`, for a position that is not computed, and for a point of another width than C.
 */
export async function logitLens(
  model: TextModel,
  ids: readonly number[],
  options: LogitLensOptions = {},
): Promise<LensLogits[]> {
  const { points: asked, position, cache, edit } = checkHelper('logitLens', model, options, LOGIT_LENS);
  checkOneText(ids);
  const { numLayers, hiddenSize: C, vocabSize: V } = model.config;
  const ofLayers = Array.from({ length: numLayers }, (_, layer): PointName => `blocks.${layer}.resid_post`);
  const points = asked ?? ['embed', ...ofLayers];
  using result = await model.forward(ids, { taps: points, cache, edit });
  const first = cache?.length ?? 0;
  const last = first + ids.length - 1;
  checkInteger('position', position ?? last, first, last);
  const row = (position ?? last) - first;
  const hidden = new Float32Array(points.length * C);
  for (const [i, point] of points.entries()) {
    const tap = result.taps.get(point)!;
    if (tap.shape.length !== 2 || tap.shape[1] !== C)
      throw new RangeValueError(`points[${i}]`, point, `a point [T, ${C}] of the residual stream`);
    hidden.set((await tap.readF32()).subarray(row * C, (row + 1) * C), i * C);
  }
  using unembedded = await model.unembed(hidden);
  const logits = await unembedded.readF32();
  return points.map((at, i) => ({ at, logits: logits.subarray(i * V, (i + 1) * V) }));
}
