// The weight tensors of GPT-2 under their canonical names: Hugging Face's, without the `transformer.` prefix.
import type { GPT2Config } from './config.ts';

/** The output head of a model whose head is not tied to `wte.weight`; [V, C]. */
export const LM_HEAD = 'lm_head.weight';

/** A weight tensor's name and shape. Matrices are [in, out]. */
export type NamedShape = readonly [name: string, shape: readonly number[]];

/**
 * Every weight tensor, `lm_head.weight` only when the head is untied, one at a time: a configuration may claim any number
 * of layers.
 */
export function* gpt2Tensors(config: GPT2Config): Generator<NamedShape> {
  yield* outerTensors(config);
  for (let layer = 0; layer < config.numLayers; layer++) yield* layerTensors(config, layer);
}

/** The tensors that belong to no layer. */
export function outerTensors({
  hiddenSize: C,
  vocabSize: V,
  numPositions,
  tieWordEmbeddings,
}: GPT2Config): NamedShape[] {
  const head: NamedShape[] = tieWordEmbeddings ? [] : [[LM_HEAD, [V, C]]];
  return [['wte.weight', [V, C]], ['wpe.weight', [numPositions, C]], ...affine('ln_f', [C], C), ...head];
}

/** The tensors of one layer. */
export function layerTensors({ hiddenSize: C, mlpSize: F }: GPT2Config, layer: number): NamedShape[] {
  return [
    ...affine(`h.${layer}.ln_1`, [C], C),
    ...affine(`h.${layer}.attn.c_attn`, [C, 3 * C], 3 * C),
    ...affine(`h.${layer}.attn.c_proj`, [C, C], C),
    ...affine(`h.${layer}.ln_2`, [C], C),
    ...affine(`h.${layer}.mlp.c_fc`, [C, F], F),
    ...affine(`h.${layer}.mlp.c_proj`, [F, C], C),
  ];
}

function affine(name: string, weight: readonly number[], bias: number): NamedShape[] {
  return [
    [`${name}.weight`, weight],
    [`${name}.bias`, [bias]],
  ];
}

/** Elements of a tensor. */
export function numElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
