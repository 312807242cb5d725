// Keys of the metadata of a GGUF file of the family, without the architecture before them: those that are read stand for keys of a
// config.json, those that change the maths in other families are refused unless neutral, and others are ignored and counted.
import type { Metadata, MetadataValue } from '../../formats/gguf/metadata.ts';
import { quoteJson } from '../../util/model-file-error.ts';
import { ConfigError } from '../config.ts';

/** Key in the metadata of each key of a config.json that is read from there. */
export const GGUF_KEYS = {
  num_hidden_layers: 'block_count',
  max_position_embeddings: 'context_length',
  hidden_size: 'embedding_length',
  intermediate_size: 'feed_forward_length',
  num_attention_heads: 'attention.head_count',
  num_key_value_heads: 'attention.head_count_kv',
  head_dim: 'attention.key_length',
  rms_norm_eps: 'attention.layer_norm_rms_epsilon',
  sliding_window: 'attention.sliding_window',
  vocab_size: 'vocab_size',
  rope_theta: 'rope.freq_base',
  'rope_scaling.rope_type': 'rope.scaling.type',
  'rope_scaling.factor': 'rope.scaling.factor',
  'rope_scaling.original_max_position_embeddings': 'rope.scaling.original_context_length',
  'rope_scaling.beta_fast': 'rope.scaling.yarn_beta_fast',
  'rope_scaling.beta_slow': 'rope.scaling.yarn_beta_slow',
} as const;

/** Key of the elements of a value, which must be those of a key. */
export const VALUE_LENGTH = 'attention.value_length';
/** Key of the elements of a head that are rotated, which must be all. */
export const ROPE_DIMENSIONS = 'rope.dimension_count';

const READ_KEYS: ReadonlySet<string> = new Set([...Object.values(GGUF_KEYS), VALUE_LENGTH, ROPE_DIMENSIONS]);

/** Keys that do not concern inference. */
const INERT_KEYS: ReadonlySet<string> = new Set([
  'attention.layer_norm_epsilon',
  'rope.scaling.finetuned',
  'tensor_data_layout',
]);

/** Values of which a key changes nothing. The first rule that fits a key holds. */
const NEUTRAL_RULES: readonly (readonly [keys: RegExp, values: readonly MetadataValue[]])[] = [
  [/^(logit_scale|residual_scale|embedding_scale)$/, [0, 1]],
  [/^attention\.causal$/, [true]],
  [/^rope\.scaling\.(attn_factor|yarn_attn_factor)$/, [0, 1]],
  [/^rope\.scaling\.yarn_ext_factor$/, [-1]],
  [/^rope\.scale_linear$/, [0, 1]],
  // All that is not known of attention and positions, and layers of another make.
  [/^(attention|rope)\./, [0, false]],
  [/expert|softcapping|^(ssm|wkv|time_mix|shortconv|altup|nextn)|lora|pooling|parallel|leading_dense/, [0, false]],
];

/**
 * Checks the keys of an architecture that are not read.
 *
 * @returns those that are not understood and don't count.
 * @throws ConfigError for the first one that changes the maths.
 */
export function checkOtherKeys(path: string, metadata: Metadata, architecture: string): string[] {
  const ignored: string[] = [];
  for (const [key, value] of metadata) {
    const name = key.startsWith(`${architecture}.`) ? key.slice(architecture.length + 1) : null;
    if (name === null || READ_KEYS.has(name) || INERT_KEYS.has(name)) continue;
    const [, neutral] = NEUTRAL_RULES.find(([keys]) => keys.test(name)) ?? [];
    if (neutral === undefined) ignored.push(key);
    else if (!neutral.includes(value)) {
      const expected = `${neutral.map(String).join(' or ')}: other values are not supported`;
      throw new ConfigError(path, { subject: key, found: quoteJson(value), expected });
    }
  }
  return ignored;
}
