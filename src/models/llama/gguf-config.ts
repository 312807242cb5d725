// Configuration of a model of the family from the metadata of a GGUF file: made into the keys of a config.json, so that both kinds of file
// pass the same checks. Errors name the keys of the GGUF file.
import type { GGUFFiles } from '../../formats/gguf/gguf-files.ts';
import type { MetadataValue } from '../../formats/gguf/metadata.ts';
import { readTensor } from '../../formats/gguf/read-tensor.ts';
import { quoteJson } from '../../util/model-file-error.ts';
import { ConfigError, POSITIVE } from '../config.ts';
import { type LlamaConfig, parseLlamaConfig } from './config.ts';
import { checkOtherKeys, GGUF_KEYS, ROPE_DIMENSIONS, VALUE_LENGTH } from './gguf-keys.ts';

type Json = Readonly<Record<string, unknown>>;

/** How each architecture spells what its files have in another way than config.json, by the window of its layers. */
const MODEL_TYPES: Readonly<Record<string, (files: GGUFFiles, window: unknown) => Json>> = {
  // Mistral is the class of Hugging Face's whose layers slide.
  llama: (files, window) => ({ model_type: window === null ? 'llama' : 'mistral', ...biases(files) }),
  qwen2: (_, window) => ({ model_type: 'qwen2', ...slidingLayers(window) }),
  qwen3: (files, window) => ({ model_type: 'qwen3', ...slidingLayers(window), ...biases(files) }),
};

/** Values of `general.architecture` that are read. */
export const GGUF_ARCHITECTURES: readonly string[] = Object.keys(MODEL_TYPES);

function biases({ tensors }: GGUFFiles): Json {
  return { attention_bias: tensors.has('blk.0.attn_q.bias'), mlp_bias: tensors.has('blk.0.ffn_gate.bias') };
}

function slidingLayers(window: unknown): Json {
  return window === null ? {} : { use_sliding_window: true, max_window_layers: 0 };
}

/**
 * Reads the configuration of a model.
 *
 * @param architecture one of `GGUF_ARCHITECTURES`.
 * @param ropeFreqs name of the tensor with the divisors of the rotary frequencies, if the files have it.
 * @throws ConfigError naming the key, its value and what was expected.
 */
export async function readGGUFConfig(files: GGUFFiles, architecture: string, ropeFreqs: string): Promise<LlamaConfig> {
  const { path, metadata } = files;
  const keys = new ArchitectureKeys(files, architecture);
  const ignoredKeys = checkOtherKeys(path, metadata, architecture);
  const config = keys.parse({
    num_hidden_layers: keys.scalar('num_hidden_layers'),
    max_position_embeddings: keys.scalar('max_position_embeddings'),
    hidden_size: keys.scalar('hidden_size'),
    intermediate_size: keys.uniform('intermediate_size'),
    num_attention_heads: keys.uniform('num_attention_heads'),
    num_key_value_heads: keys.uniform('num_key_value_heads') ?? null,
    head_dim: keys.scalar('head_dim') ?? null,
    rms_norm_eps: keys.required('rms_norm_eps'),
    vocab_size: keys.scalar('vocab_size') ?? numTokens(files),
    rope_theta: keys.scalar('rope_theta'),
    rope_scaling: ropeScaling(keys),
    sliding_window: keys.window,
    tie_word_embeddings: !files.tensors.has('output.weight'),
    eos_token_id: eosIds(files),
    ...MODEL_TYPES[architecture]?.(files, keys.window),
  });
  const { headDim } = config;
  keys.expect(VALUE_LENGTH, headDim, `${headDim}, as of keys`);
  keys.expect(ROPE_DIMENSIONS, headDim, `${headDim}, the head dim: all of a head turns`);
  const freqFactors = await readFreqFactors(files, ropeFreqs, headDim / 2);
  return { ...config, ignoredKeys, rope: { ...config.rope, ...(freqFactors && { freqFactors }) } };
}

/** Keys of an architecture in the metadata, by the keys of config.json that they stand for. */
class ArchitectureKeys {
  readonly #files: GGUFFiles;
  readonly #architecture: string;

  constructor(files: GGUFFiles, architecture: string) {
    this.#files = files;
    this.#architecture = architecture;
  }

  /** Keys that each layer sees; null for all. */
  get window(): number | string | boolean | null {
    return this.scalar('sliding_window') || null;
  }

  /** Reads a value that is no list. */
  scalar(key: keyof typeof GGUF_KEYS): number | string | boolean | undefined {
    const value = this.#value(GGUF_KEYS[key]);
    if (typeof value === 'bigint') return Number(value);
    if (typeof value !== 'object') return value;
    throw this.fail(GGUF_KEYS[key], value, 'one value');
  }

  /** Reads a value, or a list that has it for each layer. */
  uniform(key: keyof typeof GGUF_KEYS): number | string | boolean | undefined {
    const value = this.#value(GGUF_KEYS[key]);
    if (typeof value !== 'object') return this.scalar(key);
    const [first, ...others] = new Set<number | bigint | string>(value);
    if (others.length > 0 || first === undefined) throw this.fail(GGUF_KEYS[key], value, 'the same for all layers');
    return typeof first === 'bigint' ? Number(first) : first;
  }

  /** Reads a value that has no default. */
  required(key: keyof typeof GGUF_KEYS): number | string | boolean {
    const value = this.scalar(key);
    if (value === undefined) throw this.fail(GGUF_KEYS[key], value, POSITIVE);
    return value;
  }

  /** @throws ConfigError where a key has another value. */
  expect(name: string, expected: number, message: string): void {
    const value = this.#value(name);
    if (value !== undefined && value !== expected) throw this.fail(name, value, message);
  }

  /** Parses a config.json. @throws ConfigError with the keys of this file. */
  parse(json: Json): LlamaConfig {
    const { path } = this.#files;
    try {
      return parseLlamaConfig(json, path);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const { subject, found, expected, cause } = error;
      const problem = { subject: this.#rename(subject), found, expected: this.#rename(expected), cause };
      throw new ConfigError(path, problem);
    }
  }

  fail(name: string, value: MetadataValue | undefined, expected: string): ConfigError {
    const subject = `${this.#architecture}.${name}`;
    return new ConfigError(this.#files.path, { subject, found: quoteJson(value), expected });
  }

  #value(name: string): MetadataValue | undefined {
    return this.#files.metadata.get(`${this.#architecture}.${name}`);
  }

  /** Puts the keys of this file in the place of those of a config.json. */
  #rename(text: string): string {
    const names = new Map<string, string>(Object.entries(GGUF_KEYS));
    return text.replaceAll(/[a-z_]+(\.[a-z_]+)?/g, (word) => {
      const name = names.get(word);
      return name === undefined ? word : `${this.#architecture}.${name}`;
    });
  }
}

/** Makes the `rope_scaling` of a config.json; a file that has a factor alone means `linear`. */
function ropeScaling(keys: ArchitectureKeys): Json | null {
  const factor = keys.scalar('rope_scaling.factor');
  const type = keys.scalar('rope_scaling.rope_type') ?? (factor === undefined ? 'none' : 'linear');
  switch (type) {
    case 'none':
      return null;
    case 'linear':
      return { rope_type: type, factor };
    case 'yarn':
      return {
        rope_type: type,
        factor,
        original_max_position_embeddings: keys.scalar('rope_scaling.original_max_position_embeddings'),
        beta_fast: keys.scalar('rope_scaling.beta_fast'),
        beta_slow: keys.scalar('rope_scaling.beta_slow'),
      };
    default:
      throw keys.fail(GGUF_KEYS['rope_scaling.rope_type'], type, 'one of none, linear, yarn');
  }
}

function numTokens({ metadata }: GGUFFiles): number | undefined {
  const tokens = metadata.get('tokenizer.ggml.tokens');
  return typeof tokens === 'object' ? tokens.length : undefined;
}

/** Ids that end a text: those of a text, a turn and a message, as far as the file has them. */
function eosIds({ path, metadata }: GGUFFiles): number[] | null {
  const ids: number[] = [];
  for (const name of ['eos', 'eot', 'eom']) {
    const key = `tokenizer.ggml.${name}_token_id`;
    const id = metadata.get(key);
    if (typeof id === 'number' && Number.isInteger(id)) ids.push(id);
    else if (id !== undefined) {
      throw new ConfigError(path, { subject: key, found: quoteJson(id), expected: 'an integer' });
    }
  }
  return ids.length > 0 ? ids : null;
}

async function readFreqFactors(files: GGUFFiles, name: string, numPairs: number): Promise<readonly number[] | null> {
  const tensor = files.tensors.get(name);
  if (tensor === undefined) return null;
  const { shape } = tensor;
  if (shape.length !== 1 || shape[0] !== numPairs) {
    const expected = `[${numPairs}], half of the head dim`;
    throw new ConfigError(tensor.file.path, { tensor: name, subject: 'shape', found: quoteJson(shape), expected });
  }
  const factors = [...(await readTensor(tensor))];
  const wrong = factors.find((factor) => !(factor > 0 && factor < Infinity));
  if (wrong === undefined) return factors;
  throw new ConfigError(tensor.file.path, { tensor: name, subject: 'a number', found: wrong, expected: 'above 0' });
}
