// GPT-2's config.json in the project's words. Keys that change the maths in an unsupported way are errors; keys that
// don't concern inference are ignored.
import { isPositive, isSize, type ModelConfig, POSITIVE, parseEosIds, readConfig } from '../config.ts';

/** Activation of an MLP: gelu_new is the tanh approximation, gelu the exact one with erf. */
export type Activation = 'gelu_new' | 'gelu' | 'relu';

/** Configuration of a GPT-2: numPositions are the rows of the position embedding, and H · D = C. */
export interface GPT2Config extends ModelConfig {
  /** Number added to the variance in every norm. */
  readonly normEpsilon: number;
  readonly activation: Activation;
  /** Divide attention scores by √D. */
  readonly scaleAttnWeights: boolean;
  /** Divide the attention scores of layer l (from 0) by l + 1, too. */
  readonly scaleAttnByInverseLayerIdx: boolean;
}

/** Returns true for the configuration of a GPT-2. */
export function isGPT2Config(config: ModelConfig): config is GPT2Config {
  return 'scaleAttnByInverseLayerIdx' in config;
}

const MAX_HEAD_DIM = 128;
const GPT2_EOS_TOKEN_ID = 50256;
const ACTIVATIONS = ['gelu_new', 'gelu_pytorch_tanh', 'gelu', 'relu'] as const;

/**
 * Checks a parsed config.json; `source` names it in errors. Absent keys have the defaults of transformers' GPT2Config,
 * except for the sizes: `n_layer`, `n_head`, `n_embd`, `vocab_size` and `n_positions` are needed.
 *
 * @throws ConfigError naming the key, its value and what was expected.
 */
export function parseGPT2Config(config: unknown, source: string): GPT2Config {
  const { json, fail, read, size, flag } = readConfig(config, source);
  read('add_cross_attention', (value) => value === false, 'false: cross-attention is not supported', false);

  const hiddenSize = size('n_embd');
  const numHeads = size('n_head');
  const headDim = hiddenSize / numHeads;
  if (!Number.isInteger(headDim) || headDim > MAX_HEAD_DIM) {
    const expected = `n_head (${numHeads}) times a head dim of 1 to ${MAX_HEAD_DIM}`;
    throw fail({ subject: 'n_embd', found: hiddenSize, expected });
  }
  const vocabSize = size('vocab_size');
  const defaultEosId = json.eos_token_id === undefined && GPT2_EOS_TOKEN_ID < vocabSize ? GPT2_EOS_TOKEN_ID : null;
  const activation = read('activation_function', isActivation, `one of ${ACTIVATIONS.join(', ')}`, 'gelu_new');
  return {
    numLayers: size('n_layer'),
    numHeads,
    numKVHeads: numHeads,
    headDim,
    hiddenSize,
    mlpSize:
      read('n_inner', (value) => value === null || isSize(value), 'a positive integer or null', null) ?? 4 * hiddenSize,
    vocabSize,
    numPositions: size(json.n_positions === undefined && json.n_ctx !== undefined ? 'n_ctx' : 'n_positions'),
    window: null,
    normEpsilon: read('layer_norm_epsilon', isPositive, POSITIVE, 1e-5),
    activation: activation === 'gelu_pytorch_tanh' ? 'gelu_new' : activation,
    scaleAttnWeights: flag('scale_attn_weights', true),
    scaleAttnByInverseLayerIdx: flag('scale_attn_by_inverse_layer_idx', false),
    tieWordEmbeddings: flag('tie_word_embeddings', true),
    eosTokenIds: parseEosIds(json.eos_token_id ?? defaultEosId, fail),
    ignoredKeys: [],
  };
}

function isActivation(value: unknown): value is (typeof ACTIVATIONS)[number] {
  return ACTIVATIONS.some((name) => name === value);
}

/** n_layer, n_head and n_embd of the published models; each has a vocabulary of 50257 and 1024 positions. */
const PUBLISHED_SIZES = {
  gpt2: [12, 12, 768],
  'gpt2-medium': [24, 16, 1024],
  'gpt2-large': [36, 20, 1280],
  'gpt2-xl': [48, 25, 1600],
} as const;

/** Configurations of the published models, for random weights. */
export const RANDOM_CONFIGS: ReadonlyMap<string, Readonly<Record<string, number>>> = new Map(
  Object.entries(PUBLISHED_SIZES).map(([name, [n_layer, n_head, n_embd]]) => [
    name,
    { n_layer, n_head, n_embd, vocab_size: 50257, n_positions: 1024 },
  ]),
);
