// The weight tensors of GPT-2 under their canonical names: Hugging Face's, without the `transformer.` prefix.
import type { FileRules } from '../architecture.ts';
import type { TensorSpec } from '../tensor-specs.ts';
import type { GPT2Config } from './config.ts';

/**
 * Names in files of a GPT-2 besides its tensors: most have a prefix before every name but that of the head, old ones
 * causal masks.
 */
export const files: FileRules = {
  prefix: /^transformer\.(?!lm_head\.)/,
  ignored: /^h\.\d+\.attn\.(bias|masked_bias)$/,
  parts: /^(transformer\.)*(h\.\d+|wte|wpe|ln_f|lm_head)\./,
};

/** The tensors that belong to no layer. */
export function outerTensors({ hiddenSize: C, vocabSize: V, numPositions }: GPT2Config): TensorSpec[] {
  return [
    { name: 'wte.weight', module: 'wte', role: 'embedding', shape: [V, C] },
    { name: 'wpe.weight', module: 'wpe', role: 'table', shape: [numPositions, C] },
    ...norm('ln_f', C),
    { name: 'lm_head.weight', module: 'lm_head', role: 'head', shape: [V, C] },
  ];
}

/** The tensors of one layer. */
export function layerTensors({ hiddenSize: C, mlpSize: F }: GPT2Config, layer: number): TensorSpec[] {
  const name = `h.${layer}`;
  return [
    ...norm(`${name}.ln_1`, C),
    ...linear(`${name}.attn.c_attn`, [C, 3 * C]),
    ...linear(`${name}.attn.c_proj`, [C, C], true),
    ...norm(`${name}.ln_2`, C),
    ...linear(`${name}.mlp.c_fc`, [C, F]),
    ...linear(`${name}.mlp.c_proj`, [F, C], true),
  ];
}

function norm(module: string, C: number): TensorSpec[] {
  return [
    { name: `${module}.weight`, module, role: 'gain', shape: [C] },
    { name: `${module}.bias`, module, role: 'shift', shape: [C] },
  ];
}

function linear(module: string, [K, N]: readonly [number, number], residual = false): TensorSpec[] {
  return [
    { name: `${module}.weight`, module, role: 'matrix', shape: [K, N], order: 'kn', residual },
    { name: `${module}.bias`, module, role: 'bias', shape: [N] },
  ];
}
