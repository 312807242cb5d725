// Published shapes of the Llama family for random weights: the keys of their config.json that shapes and angles follow from.

type Config = Readonly<Record<string, unknown>>;

const SMOLLM2_135M: Config = {
  model_type: 'llama',
  num_hidden_layers: 30,
  hidden_size: 576,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  intermediate_size: 1536,
  vocab_size: 49_152,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 100_000,
  tie_word_embeddings: true,
};

const LLAMA_3_2_1B: Config = {
  model_type: 'llama',
  num_hidden_layers: 16,
  hidden_size: 2048,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  head_dim: 64,
  intermediate_size: 8192,
  vocab_size: 128_256,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-5,
  rope_theta: 500_000,
  rope_scaling: {
    rope_type: 'llama3',
    factor: 32,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
  tie_word_embeddings: true,
};

const QWEN3_0_6B: Config = {
  model_type: 'qwen3',
  num_hidden_layers: 28,
  hidden_size: 1024,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  head_dim: 128,
  intermediate_size: 3072,
  vocab_size: 151_936,
  max_position_embeddings: 40_960,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  tie_word_embeddings: true,
};

/** Configurations by the names of the published models. */
export const RANDOM_CONFIGS: ReadonlyMap<string, Config> = new Map([
  ['smollm2-135m', SMOLLM2_135M],
  ['llama-3.2-1b', LLAMA_3_2_1B],
  ['qwen3-0.6b', QWEN3_0_6B],
]);
