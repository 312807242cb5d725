// The weight tensors of GPT-2 under their canonical names: Hugging Face's, without the `transformer.` prefix.
import type { GPT2Config } from './config.ts';

/** The output head of a model whose head is not tied to `wte.weight`; [V, C]. */
export const LM_HEAD = 'lm_head.weight';

/** Name → shape of every weight tensor, `lm_head.weight` only when the head is untied. Matrices are [in, out]. */
export function gpt2Tensors(config: GPT2Config): Map<string, readonly number[]> {
  const { numLayers: L, hiddenSize: C, mlpSize: F, vocabSize: V, numPositions } = config;
  const shapes = new Map<string, readonly number[]>([
    ['wte.weight', [V, C]],
    ['wpe.weight', [numPositions, C]],
  ]);
  const addAffine = (name: string, weight: readonly number[], bias: number) => {
    shapes.set(`${name}.weight`, weight).set(`${name}.bias`, [bias]);
  };
  for (let layer = 0; layer < L; layer++) {
    addAffine(`h.${layer}.ln_1`, [C], C);
    addAffine(`h.${layer}.attn.c_attn`, [C, 3 * C], 3 * C);
    addAffine(`h.${layer}.attn.c_proj`, [C, C], C);
    addAffine(`h.${layer}.ln_2`, [C], C);
    addAffine(`h.${layer}.mlp.c_fc`, [C, F], F);
    addAffine(`h.${layer}.mlp.c_proj`, [F, C], C);
  }
  addAffine('ln_f', [C], C);
  if (!config.tieWordEmbeddings) shapes.set(LM_HEAD, [V, C]);
  return shapes;
}

/** Elements of a tensor. */
export function numElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
