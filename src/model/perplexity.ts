import { RangeValueError } from '../util/errors.ts';
import { type GPT2Model, MAX_TEXTS } from './gpt2-model.ts';

/** How well a model predicts a text. */
export interface Perplexity {
  /** Predicted tokens: all but the first. */
  readonly tokens: number;
  readonly natsPerToken: number;
  /** exp(natsPerToken) */
  readonly perplexity: number;
}

/** How a long text is cut. */
export interface PerplexityOptions {
  /** Most tokens that a token is predicted from; by default the model's positions. */
  readonly window?: number;
  /** Tokens between two windows' starts; by default `window`: no overlap. */
  readonly stride?: number;
}

/**
 * Perplexity of a text, cut into windows of `window` tokens that each predict the token behind every one of theirs. With
 * overlap, a token counts in the first window that predicts it. Windows are scored side by side; that changes no bit.
 *
 * @throws RangeValueError for a window or stride out of range, or fewer than two ids.
 */
export async function perplexity(
  model: GPT2Model,
  ids: readonly number[],
  { window = model.config.numPositions, stride = window }: PerplexityOptions = {},
): Promise<Perplexity> {
  const { numPositions } = model.config;
  check('window', window, numPositions);
  check('stride', stride, window);
  const starts: number[] = [];
  for (let covered = 0, start = 0; covered < Math.max(ids.length - 1, 1); start += stride) {
    starts.push(start);
    covered = start + window;
  }
  const perStep = Math.min(MAX_TEXTS, Math.floor(numPositions / window));
  let nats = 0;
  let tokens = 0;
  for (let first = 0; first < starts.length; first += perStep) {
    const group = starts.slice(first, first + perStep);
    const scores = await model.scoreTexts(group.map((start) => ids.slice(start, start + window + 1)));
    for (const [i, logprobs] of scores.entries()) {
      const fresh = logprobs.subarray(tokens - group[i]!);
      for (const logprob of fresh) nats -= logprob;
      tokens += fresh.length;
    }
  }
  const natsPerToken = nats / tokens;
  return { tokens, natsPerToken, perplexity: Math.exp(natsPerToken) };
}

function check(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new RangeValueError(name, value, `an integer in [1, ${max}]`);
  }
}
