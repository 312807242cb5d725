// Keys of a config.json that are not read. One table lists those that change the maths in other families of models, with their neutral
// values; a second one those that do not concern inference. A key of neither table is ignored and counted.
import { isJsonObject, type JsonObject } from '../../util/json.ts';
import { quoteJson } from '../../util/model-file-error.ts';
import type { ConfigReader } from '../config.ts';

/** Keys that `parseLlamaConfig` reads. */
export const READ_KEYS: ReadonlySet<string> = new Set([
  'model_type',
  'hidden_size',
  'intermediate_size',
  'vocab_size',
  'max_position_embeddings',
  'num_hidden_layers',
  'num_attention_heads',
  'num_key_value_heads',
  'head_dim',
  'hidden_act',
  'rms_norm_eps',
  'attention_bias',
  'mlp_bias',
  'tie_word_embeddings',
  'eos_token_id',
  'rope_theta',
  'rope_scaling',
  'rope_parameters',
  'original_max_position_embeddings',
  'sliding_window',
  'use_sliding_window',
  'max_window_layers',
  'layer_types',
]);

/** Keys that are refused unless their value is neutral; null always is. */
interface NeutralRule {
  readonly keys: RegExp;
  /** Neutral values besides null, empty lists and empty objects. */
  readonly values: readonly unknown[];
}

const NEUTRAL_RULES: readonly NeutralRule[] = [
  // Weights that are stored in other ways.
  { keys: /^(quantization_config|compression_config|kv_cache_scheme)$/, values: [] },
  // Logits, scores, embeddings and residuals that are scaled or bounded.
  { keys: /^\w*soft_?cap(ping)?$/, values: [] },
  { keys: /^(attention_multiplier|query_pre_attn_scalar|attention_scale|softmax_scale|clip_qkv)$/, values: [] },
  { keys: /^(scale_depth|dim_model_base)$/, values: [] },
  { keys: /^(\w+_multiplier|logit_scale|logits_scaling|residual_scale|embedding_scale|scale_emb)$/, values: [1] },
  { keys: /^(pretraining_tp|use_mup|attn_temperature_tuning)$/, values: [1, false] },
  // Positions: angles for a part of a head or of the layers, other angles, none.
  { keys: /^(partial_rotary_factor|rotary_pct|rope_ratio)$/, values: [1] },
  { keys: /^(rotary_dim|rotary_emb_base|rope_local_base_freq|mrope_section)$/, values: [] },
  { keys: /^(rope_interleaved?|rotary_interleaved|alibi|use_alibi)$/, values: [false] },
  { keys: /^(no_rope_layers|nope_\w+)$/, values: [1] },
  { keys: /^no_rope_layer_interval$/, values: [0] },
  { keys: /^position_embedding_type$/, values: ['rope', 'rotary'] },
  // Attention that sees other keys.
  { keys: /^(sliding_window_pattern|attention_chunk_size|sliding_window_size|attention_window_size)$/, values: [] },
  { keys: /^(add_cross_attention|is_encoder_decoder|cross_attention_layers)$/, values: [false] },
  { keys: /^pruned_heads$/, values: [] },
  // Layers of another make.
  {
    keys: /^(\w*expert\w*|moe_\w+|\w*router_\w+|decoder_sparse_step|mlp_only_layers|first_k_dense_replace)$/,
    values: [0, false],
  },
  { keys: /^(qk_norm|use_qk_norm|qk_layernorm|use_qkv_bias|qkv_bias|bias|use_bias|lm_head_bias)$/, values: [false] },
  { keys: /^(use_parallel_residual|parallel_attn|attn_output_gate|use_post_norm)$/, values: [false] },
  // Models of which a language model is only a part.
  { keys: /^(text_config|vision_config|audio_config)$/, values: [] },
];

/** Keys of published files that do not concern inference. */
const INERT_KEYS: ReadonlySet<string> = new Set([
  '_attn_implementation',
  '_attn_implementation_autoset',
  '_name_or_path',
  'architectures',
  'attention_dropout',
  'auto_map',
  'bos_token_id',
  'chunk_size_feed_forward',
  'dtype',
  'embd_pdrop',
  'hidden_dropout',
  'id2label',
  'initializer_range',
  'is_decoder',
  'is_llama_config',
  'label2id',
  'output_attentions',
  'output_hidden_states',
  'pad_token_id',
  'problem_type',
  'resid_pdrop',
  'return_dict',
  'torch_dtype',
  'transformers.js_config',
  'transformers_version',
  'unk_token_id',
  'use_cache',
]);

/**
 * Checks the keys that change the maths in other families.
 *
 * @throws ConfigError for the first one whose value is not neutral.
 */
export function checkNeutralKeys({ json, fail }: ConfigReader): void {
  for (const [key, value] of Object.entries(json)) {
    const rule = ruleOf(key);
    if (rule === undefined || isNeutral(value, rule)) continue;
    const expected = [...rule.values, null].map(quoteJson).join(' or ');
    throw fail({ subject: key, found: quoteJson(value), expected: `${expected}: other values are not supported` });
  }
}

/** Lists the keys that are in no table. */
export function findIgnoredKeys(json: JsonObject): string[] {
  return Object.keys(json).filter((key) => !READ_KEYS.has(key) && !INERT_KEYS.has(key) && ruleOf(key) === undefined);
}

function ruleOf(key: string): NeutralRule | undefined {
  return READ_KEYS.has(key) ? undefined : NEUTRAL_RULES.find(({ keys }) => keys.test(key));
}

/** Tells whether a value is neutral, as a list is if all of its elements are. */
function isNeutral(value: unknown, { values }: NeutralRule): boolean {
  if (value === null) return true;
  if (Array.isArray(value)) return value.every((element) => values.includes(element));
  if (isJsonObject(value)) return Object.keys(value).length === 0;
  return values.includes(value);
}
