// Pre-tokenizers that a GGUF file names (`tokenizer.ggml.pre`), in the terms of tokenizer.json: llama.cpp's names and
// patterns, and Unicode's normal form where the original tokenizer has one.
import { BYTE_LEVEL_PATTERN } from './split-pattern.ts';

/** A pre-tokenizer of GGUF, and what else its name implies. */
export interface GGUFSplit {
  readonly names: readonly string[];
  /** Regular expressions, each of which splits the words of those before it. */
  readonly patterns: readonly string[];
  /** Unicode normal form of the text that is split. */
  readonly normalForm?: 'NFC';
  /** A word that is a token is not made of parts. */
  readonly ignoresMerges: boolean;
  /** A BOS begins a text unless the file says otherwise. */
  readonly addsBos: boolean;
}

/** Pattern of Llama 3 and Qwen, which differ in the digits that are one word. */
const wordsWithDigits = (digits: string): string =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** The pre-tokenizers that are known. */
export const GGUF_SPLITS: readonly GGUFSplit[] = [
  {
    names: ['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2'],
    patterns: [wordsWithDigits(String.raw`\p{N}{1,3}`)],
    ignoresMerges: true,
    addsBos: true,
  },
  {
    names: ['dbrx', 'smaug-bpe'],
    patterns: [wordsWithDigits(String.raw`\p{N}{1,3}`)],
    ignoresMerges: false,
    addsBos: false,
  },
  {
    names: ['qwen2', 'deepseek-r1-qwen', 'megrez'],
    patterns: [wordsWithDigits(String.raw`\p{N}`)],
    normalForm: 'NFC',
    ignoresMerges: false,
    addsBos: false,
  },
  {
    names: ['smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b'],
    patterns: [String.raw`\p{N}`, BYTE_LEVEL_PATTERN],
    ignoresMerges: false,
    addsBos: false,
  },
  {
    names: ['gpt-2', 'phi-2', 'mpt', 'olmo', 'jais', 'trillion', 'exaone4'],
    patterns: [BYTE_LEVEL_PATTERN],
    ignoresMerges: false,
    addsBos: false,
  },
  {
    names: ['default'],
    patterns: [String.raw`[\p{P}\$\+<=>\^~\|]+`, BYTE_LEVEL_PATTERN, String.raw`\p{N}+`, '[0-9][0-9][0-9]'],
    ignoresMerges: false,
    addsBos: false,
  },
];
