// The float64 model of the Llama family of a directory, read without the library's loaders, so that an error in them can't hide.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ReferenceKVDType, ReferenceLlama, type ReferenceLlamaConfig } from '../../../src/reference/llama.ts';
import type { ReferenceRope } from '../../../src/reference/rope.ts';
import { loadModelTensors } from './read-safetensors.ts';

/** Alters a weight; `shape` is [N, K] of a matrix, [C] or [D] of a norm, [N] of a bias. */
export type WeightChange = (name: string, data: Float64Array, shape: readonly number[]) => Float64Array;

/** Reads the float64 model of a directory; `change` may alter its weights. */
export function loadReferenceLlama(
  directory: string,
  change: WeightChange = (_, data) => data,
  options: { readonly kvDtype?: ReferenceKVDType } = {},
): ReferenceLlama {
  const tensors = loadModelTensors(directory);
  const lookup = (name: string, shape: readonly number[]) => {
    const data = tensors.get(name);
    return data && change(name, data, shape);
  };
  return new ReferenceLlama(readConfig(directory), lookup, options);
}

/** Takes the keys of a configuration that the float64 model has. */
export function referenceConfig(config: ReferenceLlamaConfig): ReferenceLlamaConfig {
  const { numLayers, numHeads, numKVHeads, headDim, hiddenSize, mlpSize, vocabSize, numPositions, window } = config;
  const { normEpsilon, rope, attentionBias, mlpBias, qkNorm } = config;
  const sizes = { numLayers, numHeads, numKVHeads, headDim, hiddenSize, mlpSize, vocabSize, numPositions, window };
  return { ...sizes, normEpsilon, rope, attentionBias, mlpBias, qkNorm };
}

/** Reads config.json of a fixture: of keys and defaults no more than the fixtures have. */
function readConfig(directory: string): ReferenceLlamaConfig {
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'));
  const { model_type, num_attention_heads, hidden_size, attention_bias = false } = config;
  return {
    numLayers: config.num_hidden_layers,
    numHeads: num_attention_heads,
    numKVHeads: config.num_key_value_heads ?? num_attention_heads,
    headDim: config.head_dim ?? hidden_size / num_attention_heads,
    hiddenSize: hidden_size,
    mlpSize: config.intermediate_size,
    vocabSize: config.vocab_size,
    numPositions: config.max_position_embeddings,
    window: model_type === 'mistral' ? config.sliding_window : null,
    normEpsilon: config.rms_norm_eps,
    rope: readRope(config.rope_parameters ?? { rope_theta: config.rope_theta, ...config.rope_scaling }),
    attentionBias: { qkv: model_type === 'qwen2' || attention_bias, output: attention_bias },
    mlpBias: config.mlp_bias ?? false,
    qkNorm: model_type === 'qwen3',
  };
}

/** Rotary settings of a fixture. */
interface RopeSettings {
  readonly rope_type?: ReferenceRope['type'];
  readonly rope_theta: number;
  readonly factor: number;
  readonly low_freq_factor: number;
  readonly high_freq_factor: number;
  readonly original_max_position_embeddings: number;
}

function readRope(settings: RopeSettings): ReferenceRope {
  const { rope_theta: theta, rope_type: type = 'default', factor } = settings;
  const originalMaxPositions = settings.original_max_position_embeddings;
  const [lowFreqFactor, highFreqFactor] = [settings.low_freq_factor, settings.high_freq_factor];
  switch (type) {
    case 'default':
      return { type, theta };
    case 'linear':
      return { type, theta, factor };
    case 'llama3':
      return { type, theta, factor, lowFreqFactor, highFreqFactor, originalMaxPositions };
    case 'yarn': {
      const attentionFactor = 1 + Math.log(factor) / 10;
      return { type, theta, factor, originalMaxPositions, betaFast: 32, betaSlow: 1, truncate: true, attentionFactor };
    }
  }
}
