// Text to token ids and back for byte-level BPE tokenizers, the kind GPT-2 has.
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { RoseinferError } from '../util/errors.ts';
import { readTokenizerFiles, TokenizerError, type TokenizerFiles } from './tokenizer-files.ts';

/** How text is read. */
export interface EncodeOptions {
  /** Text that spells a special token becomes that token, as with Hugging Face (default true); otherwise it is text. */
  readonly parseSpecial?: boolean;
}

/** How ids are written. */
export interface DecodeOptions {
  readonly skipSpecialTokens: boolean;
}

/** The tokenizer of a model directory. */
export class Tokenizer {
  /** Highest id + 1. */
  readonly vocabSize: number;
  /** The token that ends a text. */
  readonly eosId: number | null;
  readonly #files: TokenizerFiles;
  readonly #specialIds: ReadonlySet<number>;
  readonly #tokenizer: HuggingFaceTokenizer;
  #textOnly: HuggingFaceTokenizer | undefined;

  private constructor(files: TokenizerFiles) {
    this.vocabSize = files.vocabSize;
    this.eosId = files.eosId;
    this.#files = files;
    this.#specialIds = new Set(files.addedTokens.filter((token) => token.special).map((token) => token.id));
    this.#tokenizer = createTokenizer(files);
  }

  /**
   * Reads `tokenizer.json` and `tokenizer_config.json` in `dir`.
   * @throws {TokenizerError} when one is missing or malformed, or the tokenizer is no byte-level BPE
   */
  static async load(dir: string): Promise<Tokenizer> {
    return new Tokenizer(await readTokenizerFiles(dir));
  }

  /** Ids of `text`; no special tokens are added around it. */
  encode(text: string, { parseSpecial = true }: EncodeOptions = {}): number[] {
    const tokenizer = parseSpecial ? this.#tokenizer : this.#withoutSpecialTokens();
    return tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /** Text of `ids`: bytes that are no UTF-8 become U+FFFD, ids that no token has become nothing. */
  decode(ids: readonly number[], { skipSpecialTokens }: DecodeOptions): string {
    const shown = skipSpecialTokens ? ids.filter((id) => !this.isSpecial(id)) : ids;
    const bytes = Buffer.concat(shown.map((id) => this.tokenBytes(id)));
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  }

  /** The bytes that `id` stands for, possibly a part of a character; none for an id that no token has. */
  tokenBytes(id: number): Uint8Array {
    const token = this.#tokenizer.id_to_token(id) ?? '';
    const bytes: number[] = [];
    for (const letter of token) {
      const byte = BYTE_OF_LETTER.get(letter);
      if (byte === undefined) return new TextEncoder().encode(token); // an added token with, say, a space
      bytes.push(byte);
    }
    return Uint8Array.from(bytes);
  }

  /** Whether `id` is a control token such as the end of text, which is no part of the text. */
  isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }

  #withoutSpecialTokens(): HuggingFaceTokenizer {
    const addedTokens = this.#files.addedTokens.filter((token) => !token.special);
    this.#textOnly ??= createTokenizer({ ...this.#files, addedTokens });
    return this.#textOnly;
  }
}

/** A tokenizer with ids that the model has no embedding for. */
export class VocabSizeError extends RoseinferError {
  readonly tokenizerVocabSize: number;
  readonly modelVocabSize: number;

  constructor(tokenizerVocabSize: number, modelVocabSize: number) {
    super(`vocabulary of the tokenizer is ${tokenizerVocabSize}, expected at most the model's ${modelVocabSize}`);
    this.tokenizerVocabSize = tokenizerVocabSize;
    this.modelVocabSize = modelVocabSize;
  }
}

/**
 * Refuses a tokenizer that can make ids beyond the model's vocabulary. Fewer are fine: models pad their vocabulary.
 * @throws {VocabSizeError}
 */
export function checkVocabSize(tokenizer: Tokenizer, modelVocabSize: number): void {
  if (tokenizer.vocabSize > modelVocabSize) throw new VocabSizeError(tokenizer.vocabSize, modelVocabSize);
}

function createTokenizer({ path, definition, config, addedTokens }: TokenizerFiles): HuggingFaceTokenizer {
  try {
    return new HuggingFaceTokenizer({ ...definition, added_tokens: addedTokens }, config);
  } catch (cause) {
    const reason = String(cause).replaceAll(/\s+/g, ' ');
    throw new TokenizerError(path, `not a tokenizer that can be used (${reason})`, { cause });
  }
}

/**
 * The letters in which byte-level BPE writes bytes: printable Latin-1 stands for itself, the other bytes take the
 * letters from U+0100 on (`bytes_to_unicode` of GPT-2's encoder).
 */
const BYTE_OF_LETTER: ReadonlyMap<string, number> = (() => {
  const byteOfLetter = new Map<string, number>();
  let numUnprintable = 0;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    byteOfLetter.set(String.fromCodePoint(isPrintable ? byte : 0x100 + numUnprintable++), byte);
  }
  return byteOfLetter;
})();
