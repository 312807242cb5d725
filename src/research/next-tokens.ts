// The likeliest next tokens as a table: ids, texts and probabilities.
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import { RangeValueError } from '../util/errors.ts';
import { type Checks, checkOptions, count } from '../util/option-checks.ts';
import { checkHelper, list } from './check-helpers.ts';
import { cachedText, type PrefillOptions } from './research-options.ts';
import type { TextModel } from './text-model.ts';

/** A token with its probability. */
export interface TokenProb {
  readonly id: number;
  /** Empty without a tokenizer; U+FFFD for a part of a character. */
  readonly text: string;
  readonly prob: number;
  /** ln prob */
  readonly logprob: number;
}

/** Size of a table of tokens, and its texts. */
export interface TopTokensOptions {
  /** Rows of the table; 10, or the vocabulary. */
  readonly count?: number | undefined;
  readonly tokenizer?: Tokenizer | undefined;
}

/** Options of `nextTokens`: those of its table, and of the pass. */
export interface NextTokensOptions extends TopTokensOptions, PrefillOptions {}

const TOP_TOKENS: Checks<TopTokensOptions> = {
  count,
  tokenizer: { expected: 'a Tokenizer', accepts: (value) => value instanceof Tokenizer },
};
const NEXT_TOKENS: Checks<NextTokensOptions> = {
  ...TOP_TOKENS,
  cache: cachedText,
  edit: list,
};

/**
 * Lists the likeliest tokens of a row of logits, the likeliest first; lower ids win ties.
 *
 * @param logits [V]
 * @throws RangeValueError for an empty row, NaN or infinity in it, one of −infinity alone, and an unknown option.
 */
export function topTokens(logits: Float32Array, options: TopTokensOptions = {}): TokenProb[] {
  checkOptions('options of topTokens', options, TOP_TOKENS);
  if (!(logits instanceof Float32Array) || logits.length === 0)
    throw new RangeValueError('logits', logits, 'a Float32Array [V]');
  const broken = logits.findIndex(Number.isNaN);
  if (broken >= 0) throw new RangeValueError(`logits[${broken}]`, logits[broken], 'a number');
  const { count: rows = 10, tokenizer } = options;
  const ids = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  const max = logits[ids[0]!]!;
  if (!Number.isFinite(max))
    throw new RangeValueError('largest of logits', max, 'a finite number: there are no probabilities');
  const logSum = max + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - max), 0));
  return ids.slice(0, rows).map((id) => {
    const logprob = logits[id]! - logSum;
    return { id, text: tokenText(tokenizer, id), prob: Math.exp(logprob), logprob };
  });
}

/**
 * Lists the likeliest tokens after a text, as `topTokens`.
 *
 * @throws RangeValueError as `forward` and `topTokens`.
 */
export async function nextTokens(
  model: TextModel,
  ids: readonly number[],
  options: NextTokensOptions = {},
): Promise<TokenProb[]> {
  const { count, tokenizer, cache, edit } = checkHelper('nextTokens', model, options, NEXT_TOKENS);
  return topTokens(await model.nextLogits(ids, { cache, edit }), { count, tokenizer });
}

/** Returns the text of one token, with the space that it begins with. */
export function tokenText(tokenizer: Tokenizer | undefined, id: number): string {
  return tokenizer === undefined ? '' : new TextDecoder().decode(tokenizer.tokenBytes(id));
}
