// How well a model predicts each token of a text: the terms of its perplexity, with their texts.
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Checks } from '../util/option-checks.ts';
import { checkHelper } from './check-helpers.ts';
import { type TokenProb, tokenText } from './next-tokens.ts';
import type { TextModel } from './text-model.ts';

/** A token of a text, with its probability after those before it. */
export interface TokenScore extends TokenProb {
  /** Position in the text, from 1: nothing predicts the first token. */
  readonly position: number;
}

/** Texts of the tokens. */
export interface TokenScoresOptions {
  readonly tokenizer?: Tokenizer | undefined;
}

const TOKEN_SCORES: Checks<TokenScoresOptions> = {
  tokenizer: { expected: 'a Tokenizer', accepts: (value) => value instanceof Tokenizer },
};

/**
 * Scores each token of a text but the first.
 *
 * @throws RangeValueError as `scoreTokens`, and for an unknown option.
 */
export async function tokenScores(
  model: TextModel,
  ids: readonly number[],
  options: TokenScoresOptions = {},
): Promise<TokenScore[]> {
  const { tokenizer } = checkHelper('tokenScores', model, options, TOKEN_SCORES);
  const logprobs = await model.scoreTokens(ids);
  return Array.from(logprobs, (logprob, i) => {
    const id = ids[i + 1]!;
    return { position: i + 1, id, text: tokenText(tokenizer, id), prob: Math.exp(logprob), logprob };
  });
}
