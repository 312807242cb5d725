// Attention probabilities of a layer, on the host.
import { type Checks, integer } from '../util/option-checks.ts';
import { checkHelper, checkOneText, list } from './check-helpers.ts';
import { checkInteger } from './check-ids.ts';
import { cachedText, type PrefillOptions } from './research-options.ts';
import type { TextModel } from './text-model.ts';

/** Layer, and perhaps head, of attention probabilities. */
export interface AttentionPatternOptions extends PrefillOptions {
  readonly layer: number;
  /** All by default. */
  readonly head?: number | undefined;
}

/** Attention probabilities, 0 at keys that a token does not see. */
export interface AttentionPattern {
  /** [H, T, X], or [T, X] of one head: T tokens by the X keys of the context. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const ATTENTION_PATTERN: Checks<AttentionPatternOptions> = {
  layer: integer,
  head: integer,
  cache: cachedText,
  edit: list,
};

/**
 * Reads the attention probabilities of a layer.
 *
 * @throws RangeValueError as `forward`, and for a layer or head that is not there.
 */
export async function attentionPattern(
  model: TextModel,
  ids: readonly number[],
  options: AttentionPatternOptions,
): Promise<AttentionPattern> {
  const { layer, head, cache, edit } = checkHelper('attentionPattern', model, options, ATTENTION_PATTERN);
  checkOneText(ids);
  const { numLayers, numHeads } = model.config;
  checkInteger('layer', layer, 0, numLayers - 1);
  if (head !== undefined) checkInteger('head', head, 0, numHeads - 1);
  const point = `blocks.${layer}.pattern` as const;
  using result = await model.forward(ids, { taps: [point], cache, edit });
  const tap = result.taps.get(point)!;
  const [values, shape] = [await tap.readF32(), tap.shape];
  if (head === undefined) return { shape, values };
  const size = values.length / numHeads;
  return { shape: shape.slice(1), values: values.slice(head * size, (head + 1) * size) };
}
