// Steering vectors: the difference of two sets of prompts at a point, to add to the activations of other texts (Turner et al. 2023,
// arXiv:2308.10248; means over sets as in Rimsky et al. 2023, arXiv:2312.06681).
import type { PointName } from '../models/points.ts';
import { RangeValueError } from '../util/errors.ts';
import { type Check, type Checks, oneOf, text } from '../util/option-checks.ts';
import { checkHelper } from './check-helpers.ts';
import { checkIds } from './check-ids.ts';
import type { TextModel } from './text-model.ts';

/** Prompts and point of a steering vector. */
export interface SteeringVectorOptions {
  /** Point whose first size counts tokens, such as `blocks.3.resid_post`. */
  readonly at: PointName;
  /** Prompts towards which the vector leads. */
  readonly positive: readonly (readonly number[])[];
  /** Prompts from which it leads. */
  readonly negative: readonly (readonly number[])[];
  /** Tokens of each prompt that count: the last one, or the mean of all; `last`. */
  readonly tokens?: 'last' | 'mean' | undefined;
}

const prompts: Check = {
  expected: 'an array of prompts, at least one',
  accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(Array.isArray),
};
const STEERING_VECTOR: Checks<SteeringVectorOptions> = {
  at: text,
  positive: prompts,
  negative: prompts,
  tokens: oneOf(['last', 'mean']),
};

/**
 * Computes mean(positive) − mean(negative) at a point: `edit: [{ at, add: vector }]` steers a forward pass or a generation.
 *
 * @returns the point's sizes after T, as one array: [C] of the residual stream.
 * @throws RangeValueError as `forward`, for no prompts, and a point of another form.
 */
export async function steeringVector(model: TextModel, options: SteeringVectorOptions): Promise<Float32Array> {
  const { at, positive, negative, tokens = 'last' } = checkHelper('steeringVector', model, options, STEERING_VECTOR);
  for (const [name, value] of Object.entries({ positive, negative })) {
    if (value === undefined) throw new RangeValueError(name, value, prompts.expected);
    for (const [i, ids] of value.entries())
      checkIds(`${name}[${i}]`, ids, model.config, { least: 1, most: model.maxModelLen });
  }
  const [towards, from] = [await meanOf(model, at, positive, tokens), await meanOf(model, at, negative, tokens)];
  return Float32Array.from(towards, (value, i) => value - from[i]!);
}

/** Computes the mean of prompts at a point. */
async function meanOf(
  model: TextModel,
  at: PointName,
  texts: readonly (readonly number[])[],
  tokens: 'last' | 'mean',
): Promise<Float64Array> {
  let sum = new Float64Array(0);
  for (const ids of texts) {
    using result = await model.forward(ids, { taps: [at] });
    const tap = result.taps.get(at)!;
    if (tap.shape[0] !== ids.length || at.endsWith('.pattern'))
      throw new RangeValueError('at', at, 'a point whose first size counts tokens');
    const values = await tap.readF32();
    const width = values.length / ids.length;
    const rows = tokens === 'last' ? values.subarray(-width) : values;
    if (sum.length === 0) sum = new Float64Array(width);
    const weight = width / rows.length / texts.length;
    for (const [i, value] of rows.entries()) sum[i % width]! += weight * value;
  }
  return sum;
}
