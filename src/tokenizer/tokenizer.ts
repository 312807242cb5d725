// Text to token ids and back for byte-level BPE tokenizers, the kind GPT-2 has.
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { RangeValueError, RoseinferError } from '../util/errors.ts';
import { type Checks, checkOptions, flag } from '../util/option-checks.ts';
import { clip } from '../util/quote.ts';
import { BYTE_OF_LETTER } from './byte-letters.ts';
import { TokenizerError } from './tokenizer-error.ts';
import { missingTokenizer, readTokenizerFiles, TOKENIZER_FILE, type TokenizerFiles } from './tokenizer-files.ts';

/** How text is read. */
export interface EncodeOptions {
  /** Text that spells a special token becomes that token, as with Hugging Face (default true); otherwise it is text. */
  readonly parseSpecial?: boolean | undefined;
}

/** How ids are written. */
export interface DecodeOptions {
  readonly skipSpecialTokens: boolean;
}

const ENCODE_OPTIONS: Checks<EncodeOptions> = { parseSpecial: flag };
const DECODE_OPTIONS: Checks<DecodeOptions> = { skipSpecialTokens: flag };

/** The tokenizer of a model directory, or its substitute where there is none. */
export class Tokenizer {
  /** Highest id + 1. */
  readonly vocabSize: number;
  /** The tokens that end a text: the `eos_token` of tokenizer_config.json, else of special_tokens_map.json, or none. */
  readonly eosIds: readonly number[];
  /** The file whose absence leaves only ids, as a path or a name; null where ids have text. */
  readonly missingFile: string | null;
  /** Highest id + 1 of the tokens that any text may become. */
  readonly mergedVocabSize: number;
  readonly #specialIds: ReadonlySet<number>;
  readonly #encoders: Encoders | null;

  private constructor({ vocabSize, eosIds, missingFile, files }: TokenizerContent) {
    const addedTokens = files?.addedTokens ?? [];
    this.vocabSize = vocabSize;
    this.eosIds = eosIds;
    this.missingFile = missingFile;
    this.mergedVocabSize = files?.mergedVocabSize ?? 0;
    this.#specialIds = new Set(addedTokens.filter((token) => token.special).map((token) => token.id));
    this.#encoders = files && new Encoders(files);
  }

  /**
   * Reads `tokenizer.json` in `dir`, and which token is the eos in the files beside it.
   *
   * @throws TokenizerError when one can't be read or contradicts itself, or describes a tokenizer that would be read in
   * another way than Hugging Face reads it.
   */
  static async load(dir: string): Promise<Tokenizer> {
    const files = await readTokenizerFiles(dir);
    const { vocabSize, eosIds } = files;
    return new Tokenizer({ vocabSize, eosIds, missingFile: null, files });
  }

  /** Makes the substitute for the tokenizer of a model that has none: ids have no text, and text can't be encoded. */
  static idsOnly(vocabSize: number, missingFile: string = TOKENIZER_FILE): Tokenizer {
    return new Tokenizer({ vocabSize, eosIds: [], missingFile, files: null });
  }

  /**
   * Encodes `text`; no special tokens are added around it.
   *
   * @throws TokenizerError where there is no tokenizer.
   * @throws RangeValueError unless `text` is a string, or for an unknown option.
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    if (typeof text !== 'string') throw new RangeValueError('text', text, 'a text');
    checkOptions('options of encode', options, ENCODE_OPTIONS);
    const { parseSpecial = true } = options;
    if (this.#encoders === null) throw missingTokenizer(this.missingFile ?? TOKENIZER_FILE);
    const tokenizer = parseSpecial ? this.#encoders.all : this.#encoders.withoutSpecial;
    return tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /**
   * Decodes `ids`: bytes that are no UTF-8 become U+FFFD, ids without a token become nothing.
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
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  }

  /** The bytes that `id` stands for, possibly a part of a character; none for an id that no token has. */
  tokenBytes(id: number): Uint8Array {
    const token = this.#encoders?.all.id_to_token(id) ?? '';
    const bytes: number[] = [];
    for (const letter of token) {
      const byte = BYTE_OF_LETTER.get(letter);
      if (byte === undefined) return new TextEncoder().encode(token); // an added token with, say, a space
      bytes.push(byte);
    }
    return Uint8Array.from(bytes);
  }

  /** Tells whether `id` is a control token such as the end of text, which is no part of the text. */
  isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }
}

interface TokenizerContent extends Pick<Tokenizer, 'vocabSize' | 'eosIds' | 'missingFile'> {
  readonly files: TokenizerFiles | null;
}

/** The library's tokenizer, which finds special tokens in a text, and one that takes their spelling for text. */
class Encoders {
  readonly all: HuggingFaceTokenizer;
  readonly #files: TokenizerFiles;
  #withoutSpecial: HuggingFaceTokenizer | undefined;

  constructor(files: TokenizerFiles) {
    this.all = createTokenizer(files);
    this.#files = files;
  }

  /** Made on first use, which is rare. */
  get withoutSpecial(): HuggingFaceTokenizer {
    const addedTokens = this.#files.addedTokens.filter((token) => !token.special);
    this.#withoutSpecial ??= createTokenizer({ ...this.#files, addedTokens });
    return this.#withoutSpecial;
  }
}

/** A tokenizer whose merges make ids that the model has no embedding for. */
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
 * Refuses a tokenizer that is not the model's: text could become ids beyond the model's vocabulary. Fewer ids are fine,
 * for models pad their vocabulary, and so are added tokens beyond it: such an id is refused where it is used.
 *
 * @throws VocabSizeError
 */
export function checkVocabSize({ mergedVocabSize }: Tokenizer, modelVocabSize: number): void {
  if (mergedVocabSize > modelVocabSize) throw new VocabSizeError(mergedVocabSize, modelVocabSize);
}

function createTokenizer({ path, definition, addedTokens }: TokenizerFiles): HuggingFaceTokenizer {
  try {
    return new HuggingFaceTokenizer({ ...definition, added_tokens: [...addedTokens] }, {});
  } catch (cause) {
    throw new TokenizerError(path, {
      subject: 'tokenizer',
      found: `refused (${clip(String(cause).replaceAll(/\s+/g, ' '))})`,
      expected: 'one that can be used',
      cause,
    });
  }
}
