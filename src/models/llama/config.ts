// config.json of the Llama family in the project's words. Each model_type reads it as its class in transformers does; a key that
// changes the maths is honoured, or refused unless its value is neutral.
import { MAX_HEAD_DIM } from '../../kernels/rope-kv-write/rope-kv-write.ts';
import {
  type ConfigReader,
  isPositive,
  isSize,
  type ModelConfig,
  POSITIVE,
  parseEosIds,
  readConfig,
} from '../config.ts';
import { checkNeutralKeys, findIgnoredKeys } from './config-keys.ts';
import { parseRope, type RopeConfig } from './rope-config.ts';

/** Configuration of a model of the Llama family; H · D need not be C. */
export interface LlamaConfig extends ModelConfig {
  /** Number added to the mean square in every norm. */
  readonly normEpsilon: number;
  readonly rope: RopeConfig;
  readonly attentionBias: AttentionBias;
  /** The three projections of the MLP have biases. */
  readonly mlpBias: boolean;
  /** Each head of q and k has an RMS norm with D weights before the rotation. */
  readonly qkNorm: boolean;
}

/** Projections of the attention that have biases. */
interface AttentionBias {
  readonly qkv: boolean;
  readonly output: boolean;
}

/** Defaults and rules of one model_type, as its class in transformers has them. */
interface TypeRules {
  /** G where the key is missing; null for H. */
  readonly numKVHeads: number | null;
  /** D where the key is missing; null for C / H. */
  readonly headDim: number | null;
  readonly eosTokenId: number | null;
  /** Biases of the attention; null where `attention_bias` gives those of all four projections. */
  readonly attentionBias: AttentionBias | null;
  /** `mlp_bias` is read. */
  readonly readsMlpBias: boolean;
  readonly qkNorm: boolean;
  /** Layers that slide: none, all where there is a `sliding_window`, or those of the other keys on windows. */
  readonly slidingLayers: 'none' | 'all' | 'by keys';
}

const NO_BIAS = { qkv: false, output: false };
const RULES: Readonly<Record<string, TypeRules>> = {
  llama: {
    numKVHeads: null,
    headDim: null,
    eosTokenId: 2,
    attentionBias: null,
    readsMlpBias: true,
    qkNorm: false,
    slidingLayers: 'none',
  },
  mistral: {
    numKVHeads: 8,
    headDim: null,
    eosTokenId: 2,
    attentionBias: NO_BIAS,
    readsMlpBias: false,
    qkNorm: false,
    slidingLayers: 'all',
  },
  qwen2: {
    numKVHeads: 32,
    headDim: null,
    eosTokenId: null,
    attentionBias: { qkv: true, output: false },
    readsMlpBias: false,
    qkNorm: false,
    slidingLayers: 'by keys',
  },
  qwen3: {
    numKVHeads: 32,
    headDim: 128,
    eosTokenId: null,
    attentionBias: null,
    readsMlpBias: false,
    qkNorm: true,
    slidingLayers: 'by keys',
  },
};

/** Values of `model_type` that `parseLlamaConfig` reads. */
export const LLAMA_MODEL_TYPES: readonly string[] = Object.keys(RULES);

const DEFAULT_NORM_EPSILON = 1e-6;
const DEFAULT_SLIDING_WINDOW = 4096;
const DEFAULT_MAX_WINDOW_LAYERS = 28;
/** Names of silu. */
const ACTIVATIONS = ['silu', 'swish'] as const;
const LAYER_TYPES = ['full_attention', 'sliding_attention'];

/**
 * Checks a parsed config.json; `source` names it in errors. Absent keys have the defaults of the class of the `model_type` in
 * transformers, except for the sizes: `num_hidden_layers`, `num_attention_heads`, `hidden_size`, `intermediate_size`, `vocab_size`
 * and `max_position_embeddings` are needed.
 *
 * @throws ConfigError naming the key, its value and what was expected.
 */
export function parseLlamaConfig(config: unknown, source: string): LlamaConfig {
  const reader = readConfig(config, source);
  const { json, fail, read, size, flag } = reader;
  const expectedTypes = `one of ${LLAMA_MODEL_TYPES.join(', ')}`;
  const modelType = read('model_type', (value) => typeof value === 'string', expectedTypes);
  const rules = Object.hasOwn(RULES, modelType) ? RULES[modelType] : undefined;
  if (rules === undefined) {
    throw fail({ subject: 'model_type', found: JSON.stringify(modelType), expected: expectedTypes });
  }
  checkNeutralKeys(reader);

  const numLayers = size('num_hidden_layers');
  const numPositions = size('max_position_embeddings');
  const vocabSize = size('vocab_size');
  const heads = readHeads(reader, rules);
  const { eosTokenId } = rules;
  const defaultEosId = eosTokenId !== null && eosTokenId < vocabSize ? eosTokenId : null;
  read('hidden_act', isActivation, `one of ${ACTIVATIONS.join(', ')}`, 'silu');
  return {
    numLayers,
    ...heads,
    mlpSize: size('intermediate_size'),
    vocabSize,
    numPositions,
    window: readWindow(reader, rules, numLayers, numPositions),
    normEpsilon: read('rms_norm_eps', isPositive, POSITIVE, DEFAULT_NORM_EPSILON),
    rope: parseRope(reader, numPositions),
    attentionBias: readAttentionBias(reader, rules),
    mlpBias: rules.readsMlpBias ? flag('mlp_bias', false) : only(reader, 'mlp_bias', false),
    qkNorm: rules.qkNorm,
    tieWordEmbeddings: flag('tie_word_embeddings', false),
    eosTokenIds: parseEosIds(json.eos_token_id === undefined ? defaultEosId : json.eos_token_id, fail),
    ignoredKeys: findIgnoredKeys(json),
  };
}

function isActivation(value: unknown): value is (typeof ACTIVATIONS)[number] {
  return ACTIVATIONS.some((name) => name === value);
}

/** Reads C, H, G and D. */
function readHeads(
  { read, size, fail }: ConfigReader,
  rules: TypeRules,
): Pick<LlamaConfig, 'hiddenSize' | 'numHeads' | 'numKVHeads' | 'headDim'> {
  const hiddenSize = size('hidden_size');
  const numHeads = size('num_attention_heads');
  const sizeOrNull = (key: string, absent: number | null) => {
    return read(key, (value) => value === null || isSize(value), 'a positive integer or null', absent);
  };
  const numKVHeads = sizeOrNull('num_key_value_heads', rules.numKVHeads) ?? numHeads;
  if (numHeads % numKVHeads !== 0) {
    const expected = `a divisor of num_attention_heads (${numHeads})`;
    throw fail({ subject: 'num_key_value_heads', found: numKVHeads, expected });
  }
  const ownHeadDim = sizeOrNull('head_dim', rules.headDim);
  const headDim = ownHeadDim ?? hiddenSize / numHeads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0 || headDim > MAX_HEAD_DIM) {
    const evenDim = `an even head dim up to ${MAX_HEAD_DIM}`;
    throw fail(
      ownHeadDim === null
        ? { subject: 'hidden_size', found: hiddenSize, expected: `num_attention_heads (${numHeads}) times ${evenDim}` }
        : { subject: 'head_dim', found: headDim, expected: evenDim },
    );
  }
  return { hiddenSize, numHeads, numKVHeads, headDim };
}

function readAttentionBias(reader: ConfigReader, { attentionBias }: TypeRules): AttentionBias {
  if (attentionBias === null) {
    const bias = reader.flag('attention_bias', false);
    return { qkv: bias, output: bias };
  }
  only(reader, 'attention_bias', attentionBias.qkv);
  return attentionBias;
}

/** Reads a key that has only one value in this model_type. */
function only(reader: ConfigReader, key: string, value: boolean): boolean {
  const expected = `${value} with model_type ${String(reader.json.model_type)}`;
  return reader.read(key, (found): found is boolean => found === value, expected, value);
}

/** Reads the window that all layers have; null where none slides, or where it holds every position. */
function readWindow(reader: ConfigReader, rules: TypeRules, numLayers: number, numPositions: number): number | null {
  const { slidingLayers } = rules;
  const slides = reader.flag('use_sliding_window', slidingLayers !== 'by keys');
  const size = reader.read(
    'sliding_window',
    (value) => value === null || isSize(value),
    'a positive integer or null',
    slidingLayers === 'none' ? null : DEFAULT_SLIDING_WINDOW,
  );
  // The classes that do not know use_sliding_window take no notice of it.
  if (slidingLayers === 'all' && size !== null) only(reader, 'use_sliding_window', true);
  const own = slides ? size : null;
  if (slidingLayers === 'none' && own !== null) throwWindow(reader, own, 'null with model_type llama');
  const window = slidesInEveryLayer(reader, slidingLayers, own, numLayers) ? own : null;
  return window !== null && window < numPositions ? window : null;
}

/** Tells whether all layers slide, where `size` is the window of those that do. */
function slidesInEveryLayer(
  reader: ConfigReader,
  slidingLayers: TypeRules['slidingLayers'],
  size: number | null,
  numLayers: number,
): boolean {
  const { json, read } = reader;
  if (json.layer_types === undefined || json.layer_types === null) {
    return size !== null && (slidingLayers !== 'by keys' || slidesFromFirst(reader, numLayers));
  }
  // One type for all layers; it decides, and the size has to agree.
  const expected = `${numLayers} times ${LAYER_TYPES.join(`, or ${numLayers} times `)}`;
  const [type] = read('layer_types', (value) => isUniform(value, numLayers), expected);
  const slides = type === 'sliding_attention';
  if (slides && size === null) throwWindow(reader, size, 'the window of layer_types sliding_attention');
  if (!slides && size !== null && slidingLayers === 'all') {
    throwWindow(reader, size, 'null, as layer_types are full_attention');
  }
  return slides;
}

/** Tells by `max_window_layers`, the number of layers that do not slide, whether all layers do or none. */
function slidesFromFirst({ read }: ConfigReader, numLayers: number): boolean {
  const isEveryOrNone = (value: unknown): value is number => value === 0 || (isSize(value) && value >= numLayers);
  const expected = `0 or at least num_hidden_layers (${numLayers}): all layers slide or none`;
  return read('max_window_layers', isEveryOrNone, expected, DEFAULT_MAX_WINDOW_LAYERS) === 0;
}

function isUniform(value: unknown, numLayers: number): value is readonly string[] {
  if (!Array.isArray(value) || value.length !== numLayers) return false;
  return LAYER_TYPES.includes(value[0]) && value.every((type) => type === value[0]);
}

function throwWindow({ fail }: ConfigReader, found: number | null, expected: string): never {
  throw fail({ subject: 'sliding_window', found: String(found), expected });
}
