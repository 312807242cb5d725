// Log-probabilities in the two shapes of OpenAI's API. A token that is no whole text is written by its bytes.
import type { TokenLogprob, TokenLogprobs } from '../../core/runner.ts';
import { tokenText } from '../../tokenizer/token-text.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';

/** JSON has no infinity; clients know this number for it. */
const NEVER = -9999;

/** Log-probabilities of a chat's tokens. */
export function chatLogprobs(tokenizer: Tokenizer, records: readonly TokenLogprobs[]) {
  const entry = (record: TokenLogprob) => ({
    token: tokenText(tokenizer, record.id),
    logprob: finite(record.logprob),
    bytes: [...tokenizer.tokenBytes(record.id)],
  });
  return {
    content: records.map((record) => ({ ...entry(record), top_logprobs: record.top.map(entry) })),
    refusal: null,
  };
}

/** A token of a completion: its record, null where nothing precedes it, and the place in the text where it begins. */
export interface PlacedToken {
  readonly id: number;
  readonly record: TokenLogprobs | null;
  readonly offset: number;
}

/**
 * Places the tokens of a prompt in its text.
 *
 * @param length of the text, in UTF-16 units: a space that SentencePiece puts before it is no part of it.
 */
export function promptTokens(
  tokenizer: Tokenizer,
  ids: readonly number[],
  { records, length }: { readonly records: readonly (TokenLogprobs | null)[] | null; readonly length: number },
): PlacedToken[] {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let offset = 0;
  const placed = ids.map((id, index) => {
    const token = { id, record: records?.[index] ?? null, offset };
    offset += decoder.decode(tokenizer.tokenBytes(id), { stream: true }).length;
    return token;
  });
  const surplus = Math.max(offset - length, 0);
  return placed.map((token) => ({ ...token, offset: Math.max(token.offset - surplus, 0) }));
}

/** Log-probabilities of a completion's tokens. */
export function completionLogprobs(tokenizer: Tokenizer, tokens: readonly PlacedToken[]) {
  return {
    tokens: tokens.map(({ id }) => tokenText(tokenizer, id)),
    token_logprobs: tokens.map(({ record }) => record && finite(record.logprob)),
    top_logprobs: tokens.map(({ record }) => record && topOf(tokenizer, record)),
    text_offset: tokens.map(({ offset }) => offset),
  };
}

/** Of tokens with one text, the most likely counts. */
function topOf(tokenizer: Tokenizer, { top }: TokenLogprobs): Record<string, number> {
  const entries = top.map(({ id, logprob }) => [tokenText(tokenizer, id), finite(logprob)] as const);
  return Object.fromEntries(entries.toReversed());
}

function finite(logprob: number): number {
  return Number.isFinite(logprob) ? logprob : NEVER;
}
