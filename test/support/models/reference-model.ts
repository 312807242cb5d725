// The float64 GPT-2 of a directory, read without the library's loaders, so that an error in them can't hide.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReferenceGPT2 } from '../../../src/reference/gpt2.ts';
import { loadModelTensors } from './read-safetensors.ts';

/** Reads the float64 GPT-2 of a model directory; `change` may alter its weights, and gets the number of their rows. */
export function loadReferenceModel(
  directory: string,
  change: (name: string, data: Float64Array, rows: number) => Float64Array = (_, data) => data,
): ReferenceGPT2 {
  const config = JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8'));
  const tensors = loadModelTensors(directory);
  const mlpSize = config.n_inner ?? 4 * config.n_embd;
  const rowsOf = (name: string): number => {
    if (/wte|lm_head/.test(name)) return config.vocab_size;
    return name.endsWith('mlp.c_proj.weight') ? mlpSize : config.n_embd;
  };
  return new ReferenceGPT2(
    {
      numLayers: config.n_layer,
      numHeads: config.n_head,
      headDim: config.n_embd / config.n_head,
      hiddenSize: config.n_embd,
      mlpSize,
      vocabSize: config.vocab_size,
      numPositions: config.n_positions,
      layerNormEpsilon: config.layer_norm_epsilon,
      activation: config.activation_function,
      scaleAttnWeights: config.scale_attn_weights,
      scaleAttnByInverseLayerIdx: config.scale_attn_by_inverse_layer_idx,
    },
    (name) => {
      const data = tensors.get(name);
      return data && change(name, data, rowsOf(name));
    },
  );
}
