// The weight tensors of the Llama family under their canonical names: Hugging Face's, without the `model.` prefix.
import type { FileRules } from '../architecture.ts';
import type { TensorSpec } from '../tensor-specs.ts';
import type { LlamaConfig } from './config.ts';

/** Names in files of the family besides its tensors: old ones hold the rotary frequencies, which follow from the configuration. */
export const files: FileRules = {
  prefix: /^model\.(?!lm_head\.)/,
  ignored: /\.rotary_emb\.inv_freq$/,
  parts: /^(model\.)*(layers\.\d+|embed_tokens|norm|lm_head)\./,
};

/** The tensors that belong to no layer. */
export function outerTensors({ hiddenSize: C, vocabSize: V }: LlamaConfig): TensorSpec[] {
  return [
    { name: 'embed_tokens.weight', module: 'embed_tokens', role: 'embedding', shape: [V, C] },
    norm('norm', C),
    { name: 'lm_head.weight', module: 'lm_head', role: 'head', shape: [V, C] },
  ];
}

/** The tensors of one layer: those of q, k and v are one matmul, those of gate and up one whose columns alternate. */
export function layerTensors(config: LlamaConfig, layer: number): TensorSpec[] {
  const { hiddenSize: C, mlpSize: F, numHeads: H, numKVHeads: G, headDim: D, attentionBias, mlpBias, qkNorm } = config;
  const name = `layers.${layer}`;
  const [attention, mlp] = [`${name}.self_attn`, `${name}.mlp`];
  const qkv = { module: `${attention}.qkv_proj`, bias: attentionBias.qkv };
  const gateUp = { module: `${mlp}.gate_up_proj`, bias: mlpBias, alternates: true };
  return [
    norm(`${name}.input_layernorm`, C),
    ...linear(`${attention}.q_proj`, [H * D, C], qkv),
    ...linear(`${attention}.k_proj`, [G * D, C], qkv),
    ...linear(`${attention}.v_proj`, [G * D, C], qkv),
    ...(qkNorm ? [norm(`${attention}.q_norm`, D), norm(`${attention}.k_norm`, D)] : []),
    ...linear(`${attention}.o_proj`, [C, H * D], { bias: attentionBias.output, residual: true }),
    norm(`${name}.post_attention_layernorm`, C),
    ...linear(`${mlp}.gate_proj`, [F, C], gateUp),
    ...linear(`${mlp}.up_proj`, [F, C], gateUp),
    ...linear(`${mlp}.down_proj`, [C, F], { bias: mlpBias, residual: true }),
  ];
}

function norm(module: string, size: number): TensorSpec {
  return { name: `${module}.weight`, module, role: 'gain', shape: [size] };
}

/** Place of a matrix: the module that it shares with others, and what belongs to it. */
interface Place extends Pick<TensorSpec, 'residual' | 'alternates'> {
  readonly module?: string;
  readonly bias: boolean;
}

function linear(
  name: string,
  [N, K]: readonly [number, number],
  { bias, module = name, ...place }: Place,
): TensorSpec[] {
  const matrix: TensorSpec = { name: `${name}.weight`, module, role: 'matrix', shape: [N, K], order: 'nk', ...place };
  return bias ? [matrix, { name: `${name}.bias`, module, role: 'bias', shape: [N], ...place }] : [matrix];
}
