// Text to token ids and back for BPE tokenizers: byte-level ones, as GPT-2, Llama 3 and Qwen have, and SentencePiece's with
// byte fallback, as Llama 2 and Mistral have.
import { RangeValueError } from '../util/errors.ts';
import { ModelFileError } from '../util/model-file-error.ts';
import { type Checks, checkOptions, flag } from '../util/option-checks.ts';
import { type Pausable, runWhole, Turns } from '../util/turns.ts';
import { readGGUFTokenizer } from './gguf-tokenizer.ts';
import type { GGUFMetadata } from './gguf-vocabulary.ts';
import { NO_SURROUNDINGS } from './post-processor.ts';
import { TextEncoding } from './text-encoder.ts';
import { SPACE } from './token-decoder.ts';
import { missingTokenizer, readTokenizerFiles, TOKENIZER_FILE } from './tokenizer-files.ts';
import type { TokenizerParts } from './tokenizer-parts.ts';

/** How text is read. */
export interface EncodeOptions {
  /** Text that spells a special token becomes that token, as with Hugging Face (default true); otherwise it is text. */
  readonly parseSpecial?: boolean | undefined;
  /** The tokens that the tokenizer puts around a text, such as a BOS, are added (default false). */
  readonly addSpecial?: boolean | undefined;
}

/** How ids are written. */
export interface DecodeOptions {
  readonly skipSpecialTokens: boolean;
}

/** Most characters of a text that is encoded in one go. */
const SHORT = 1024;
const ENCODE_OPTIONS: Checks<EncodeOptions> = { parseSpecial: flag, addSpecial: flag };
const DECODE_OPTIONS: Checks<DecodeOptions> = { skipSpecialTokens: flag };

/** The tokenizer of a model directory, or its substitute where there is none. */
export class Tokenizer {
  /** Highest id + 1. */
  readonly vocabSize: number;
  /** The tokens that end a text: the `eos_token` of tokenizer_config.json, else of special_tokens_map.json, or none. */
  readonly eosIds: readonly number[];
  /** File that would hold the tokenizer where there is none, as a path or a name; null where ids have text. */
  readonly missingFile: string | null;
  /** Highest id + 1 of the tokens that any text may become. */
  readonly mergedVocabSize: number;
  /** Text of the token that begins a text; null where the files name none. */
  readonly bosToken: string | null;
  /** Text of the `eos_token`; null where the files name none. */
  readonly eosToken: string | null;
  readonly #specialIds: ReadonlySet<number>;
  readonly #parts: TokenizerParts | null;
  readonly #encoding: TextEncoding | null;
  readonly #turns = new Turns();

  private constructor({ vocabSize, eosIds, missingFile, parts }: TokenizerContent) {
    const addedTokens = parts?.addedTokens ?? [];
    this.vocabSize = vocabSize;
    this.eosIds = eosIds;
    this.missingFile = missingFile;
    this.mergedVocabSize = parts?.mergedVocabSize ?? 0;
    this.bosToken = parts?.bosToken ?? null;
    this.eosToken = parts?.eosToken ?? null;
    this.#specialIds = new Set(addedTokens.filter((token) => token.special).map((token) => token.id));
    this.#parts = parts;
    this.#encoding = parts && new TextEncoding(parts);
  }

  /**
   * Reads `tokenizer.json` in `dir`, and which token is the eos in the files beside it.
   *
   * @throws TokenizerError when one can't be read or contradicts itself, or describes a tokenizer that would be read in
   * another way than Hugging Face reads it.
   */
  static async load(dir: string): Promise<Tokenizer> {
    return Tokenizer.#of(await readTokenizerFiles(dir));
  }

  /**
   * Makes the tokenizer of a GGUF file.
   *
   * @param metadata of the file by key.
   * @param path of the file, for errors.
   * @throws TokenizerError for an unknown model or pre-tokenizer, and for metadata that lacks a key or contradicts itself.
   */
  static fromGGUF(metadata: GGUFMetadata, path: string): Tokenizer {
    return Tokenizer.#of(readGGUFTokenizer(metadata, path));
  }

  /** Makes the substitute for the tokenizer of a model that has none: ids have no text, and text can't be encoded. */
  static idsOnly(vocabSize: number, missingFile: string = TOKENIZER_FILE): Tokenizer {
    return new Tokenizer({ vocabSize, eosIds: [], missingFile, parts: null });
  }

  static #of(parts: TokenizerParts): Tokenizer {
    const { vocabSize, eosIds } = parts;
    return new Tokenizer({ vocabSize, eosIds, missingFile: null, parts });
  }

  /**
   * Encodes `text`; no special tokens are added around it unless `addSpecial` asks for them. Half a surrogate pair is read
   * as U+FFFD.
   *
   * @throws TokenizerError where there is no tokenizer.
   * @throws RangeValueError unless `text` is a string, or for an unknown option.
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    return runWhole(this.#encode(text, options));
  }

  /**
   * Encodes as `encode` does, and gives the event loop a turn after every few milliseconds: a text of 100,000 characters takes
   * hundreds. Texts that are encoded at the same time take turns.
   *
   * @throws as `encode`, as a rejection.
   */
  async encodeAsync(text: string, options: EncodeOptions = {}): Promise<number[]> {
    const work = this.#encode(text, options);
    return text.length <= SHORT ? runWhole(work) : await this.#turns.run(work);
  }

  /**
   * Encodes a text some of whose characters are stand-ins, with which no special token is spelled; the event loop gets its turns, as
   * with `encodeAsync`.
   *
   * @param reveal puts the characters in the place of stand-ins.
   * @throws TokenizerError where there is no tokenizer.
   */
  async encodeHidden(text: string, reveal: (text: string) => string): Promise<number[]> {
    const work = this.#encodingOf().encode(text.toWellFormed(), () => true, reveal);
    return text.length <= SHORT ? runWhole(work) : await this.#turns.run(work);
  }

  #encode(text: string, options: EncodeOptions): Pausable<number[]> {
    if (typeof text !== 'string') throw new RangeValueError('text', text, 'a text');
    checkOptions('options of encode', options, ENCODE_OPTIONS);
    const { parseSpecial = true, addSpecial = false } = options;
    const work = this.#encodingOf().encode(text.toWellFormed(), ({ special }) => parseSpecial || !special);
    const { before, after } = this.#parts?.surroundings ?? NO_SURROUNDINGS;
    return addSpecial ? surround(before, work, after) : work;
  }

  /**
   * Decodes `ids` as a whole text, without the space that SentencePiece puts before one: bytes that are no UTF-8 become
   * U+FFFD, ids without a token become nothing.
   *
   * @throws RangeValueError unless `ids` is a list of integers and `skipSpecialTokens` is given alone.
   */
  decode(ids: readonly number[], options: DecodeOptions): string {
    checkOptions('options of decode', options, DECODE_OPTIONS);
    const { skipSpecialTokens } = options;
    if (skipSpecialTokens === undefined)
      throw new RangeValueError('skipSpecialTokens', skipSpecialTokens, flag.expected);
    if (!Array.isArray(ids) || !Array.from(ids, Number.isInteger).every(Boolean))
      throw new RangeValueError('ids', ids, 'a list of integers');
    const shown = skipSpecialTokens ? ids.filter((id) => !this.isSpecial(id)) : ids;
    const bytes = Buffer.concat(shown.map((id) => this.tokenBytes(id)));
    let start = 0;
    while (start < this.numLeadingSpaces && bytes[start] === SPACE) start++;
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(start));
  }

  /** Texts of the control tokens. */
  get specialTokens(): readonly string[] {
    return (this.#parts?.addedTokens ?? []).filter(({ special }) => special).map(({ content }) => content);
  }

  /** Spaces at most at the start of a whole text that are no part of it: 1 with SentencePiece, 0 with byte-level BPE. */
  get numLeadingSpaces(): number {
    return this.#parts?.decoder.numLeadingSpaces ?? 0;
  }

  /** The bytes that `id` stands for, possibly a part of a character; none for an id that no token has. */
  tokenBytes(id: number): Uint8Array {
    const token = this.#parts?.tokens.get(id);
    return token === undefined || this.#parts === null ? new Uint8Array() : this.#parts.decoder.bytesOf(token);
  }

  /** Tells whether `id` is a control token such as the end of text, which is no part of the text. */
  isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }

  #encodingOf(): TextEncoding {
    if (this.#encoding === null) throw missingTokenizer(this.missingFile ?? TOKENIZER_FILE);
    return this.#encoding;
  }
}

function* surround(before: readonly number[], work: Pausable<number[]>, after: readonly number[]): Pausable<number[]> {
  return [...before, ...(yield* work), ...after];
}

interface TokenizerContent extends Pick<Tokenizer, 'vocabSize' | 'eosIds' | 'missingFile'> {
  readonly parts: TokenizerParts | null;
}

/** A tokenizer whose merges make ids that the model has no embedding for. */
export class VocabSizeError extends ModelFileError {
  readonly tokenizerVocabSize: number;
  readonly modelVocabSize: number;

  /** @param path of the tokenizer's file. */
  constructor(path: string, tokenizerVocabSize: number, modelVocabSize: number) {
    const expected = `at most the model's ${modelVocabSize}`;
    super(path, { subject: 'vocabulary of the tokenizer', found: tokenizerVocabSize, expected });
    this.tokenizerVocabSize = tokenizerVocabSize;
    this.modelVocabSize = modelVocabSize;
  }
}

/**
 * Refuses a tokenizer that is not the model's: text could become ids beyond the model's vocabulary. Fewer ids are fine,
 * for models pad their vocabulary, and so are added tokens beyond it: such an id is refused where it is used.
 *
 * @param path of the tokenizer's file, for the error.
 * @throws VocabSizeError
 */
export function checkVocabSize({ mergedVocabSize }: Tokenizer, modelVocabSize: number, path: string): void {
  if (mergedVocabSize > modelVocabSize) throw new VocabSizeError(path, mergedVocabSize, modelVocabSize);
}
