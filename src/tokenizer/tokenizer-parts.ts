// A tokenizer taken apart: the files of Hugging Face and the metadata of GGUF are read into the same parts.
import type { AddedToken } from './added-tokens.ts';
import type { Normalizer } from './normalizer.ts';
import type { Surroundings } from './post-processor.ts';
import type { EncoderParts } from './text-encoder.ts';
import type { TokenDecoder } from './token-decoder.ts';

/** Parts of a tokenizer. */
export interface TokenizerParts extends EncoderParts {
  /** The file that they come from. */
  readonly path: string;
  /** Id → token. */
  readonly tokens: ReadonlyMap<number, string>;
  readonly decoder: TokenDecoder;
  readonly surroundings: Surroundings;
  /** Texts of the tokens that begin and end a text, where the files name them. */
  readonly bosToken: string | null;
  readonly eosToken: string | null;
  /** Ids that end a text. */
  readonly eosIds: readonly number[];
  /** Highest id + 1. */
  readonly vocabSize: number;
  /** Highest id + 1 of the tokens that any text may become, which are those that are not added. */
  readonly mergedVocabSize: number;
}

/** Highest id + 1. */
export function sizeOf(ids: Iterable<number>): number {
  let size = 0;
  for (const id of ids) size = Math.max(size, id + 1);
  return size;
}

/** Maps ids to tokens; an added token that is found in normalized text is spelled as it is there. */
export function spellTokens(
  vocab: ReadonlyMap<string, number>,
  addedTokens: readonly AddedToken[],
  normalize: Normalizer,
): Map<number, string> {
  const tokens = new Map(vocab.entries().map(([token, id]) => [id, token]));
  for (const { id, content, normalized } of addedTokens) tokens.set(id, normalized ? normalize(content) : content);
  return tokens;
}
