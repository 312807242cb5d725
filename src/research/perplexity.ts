// Perplexity of a text of any length, by windows: the model has positions for no more than one of them at a time.

import { type Checks, integer } from '../util/option-checks.ts';
import { checkHelper } from './check-helpers.ts';
import { checkIds, checkInteger } from './check-ids.ts';
import type { TextModel } from './text-model.ts';

/** Predictability of a text by a model. */
export interface Perplexity {
  /** Predicted tokens: all but the first. */
  readonly tokens: number;
  readonly natsPerToken: number;
  /** exp(natsPerToken) */
  readonly perplexity: number;
}

/** Windows that a long text is cut into. */
export interface PerplexityOptions {
  /** Most tokens that a token is predicted from; by default the model's context. */
  readonly window?: number | undefined;
  /** Tokens between two windows' starts; by default `window`: no overlap. */
  readonly stride?: number | undefined;
}

const PERPLEXITY: Checks<PerplexityOptions> = { window: integer, stride: integer };

/**
 * Computes the perplexity of a text, cut into windows of `window` tokens that each predict the token after every one of
 * theirs. With overlap, a token counts in the first window that predicts it. Windows are scored side by side; that
 * changes no bit.
 *
 * @throws RangeValueError for a window or stride out of range, an unknown option, fewer than two ids, or one that the
 * model does not have.
 */
export async function perplexity(
  model: TextModel,
  ids: readonly number[],
  options: PerplexityOptions = {},
): Promise<Perplexity> {
  const checked = checkHelper('perplexity', model, options, PERPLEXITY);
  const { config, maxModelLen } = model;
  const { window = maxModelLen, stride = window } = checked;
  checkInteger('window', window, 1, maxModelLen);
  checkInteger('stride', stride, 1, window);
  checkIds('ids', ids, config, { least: 2, most: Number.MAX_SAFE_INTEGER });
  const starts: number[] = [];
  for (let covered = 0, start = 0; covered < ids.length - 1; start += stride) {
    starts.push(start);
    covered = start + window;
  }
  const scores = await model.scoreTexts(starts.map((start) => ids.slice(start, start + window + 1)));
  let nats = 0;
  let tokens = 0;
  for (const [i, logprobs] of scores.entries()) {
    const fresh = logprobs.subarray(tokens - starts[i]!);
    for (const logprob of fresh) nats -= logprob;
    tokens += fresh.length;
  }
  const natsPerToken = nats / tokens;
  return { tokens, natsPerToken, perplexity: Math.exp(natsPerToken) };
}
