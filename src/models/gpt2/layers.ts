// The forward pass of GPT-2, from token ids to the residual stream after the last layer, over the tokens of one step,
// whatever sequences they belong to. Modules have the names of Hugging Face's GPT-2.
import type { Tensor } from '../../gpu/tensor.ts';
import { attend, type Epilogue, linear, norm, projectQKV } from '../blocks.ts';
import type { Activation } from '../config.ts';
import type { Step, StepShape } from '../step.ts';
import type { GPT2Config } from './config.ts';
import type { GPT2Tensors } from './weights.ts';

const EPILOGUES: Readonly<Record<Activation, Epilogue>> = { gelu_new: 'GELU_NEW', gelu: 'GELU', relu: 'RELU' };

/** Adds the embedding and all layers: scratch `hidden`[T, C] is the residual stream. */
export function gpt2Layers(step: Step, config: GPT2Config, weights: GPT2Tensors, shape: StepShape): void {
  const { hiddenSize: C, mlpSize: F, numHeads, headDim, normEpsilon: eps } = config;
  const T = shape.numTokens;
  const hidden = step.scratch('hidden').prefix([T, C]);
  const normed = step.scratch('normed').prefix([T, C]);
  const qkv = step.scratch('qkv').prefix([T, 3 * C]);
  const attended = step.scratch('attended').prefix([T, C]);
  const mlp = step.scratch('mlp').prefix([T, F]);

  embed(step, weights, hidden);
  for (const [layer, w] of weights.layers.entries()) {
    const name = `h.${layer}`;
    norm(step, `${name}.ln_1`, hidden, w.norm1, eps, normed);
    projectQKV(step, `${name}.attn.c_attn`, normed, w.qkv, qkv, { layer, headDim });
    attend(step, qkv, attended, { numHeads, headDim, layer, scale: attentionScale(config, layer) }, shape);
    linear(step, `${name}.attn`, attended, w.projection, hidden, { use: 'projection', epilogue: 'RESIDUAL' });
    norm(step, `${name}.ln_2`, hidden, w.norm2, eps, normed);
    linear(step, `${name}.mlp.act`, normed, w.fc, mlp, { use: 'MLP', epilogue: EPILOGUES[config.activation] });
    linear(step, `${name}.mlp`, mlp, w.fcProjection, hidden, { use: 'MLP projection', epilogue: 'RESIDUAL' });
    step.passLayer?.(name, hidden);
  }
}

/** Adds the last norm: out[R, C] of rows hidden[R, C] of the residual stream. */
export function gpt2LastNorm(step: Step, config: GPT2Config, weights: GPT2Tensors, hidden: Tensor, out: Tensor): void {
  norm(step, 'ln_f', hidden, weights.finalNorm, config.normEpsilon, out);
}

/** Adds hidden[t] = wte[id] + wpe[position], a range of the vocabulary at a time. */
function embed(step: Step, { embedding, positions: wpe }: GPT2Tensors, hidden: Tensor): void {
  const [T = 0] = hidden.shape;
  const token_ids = step.inputs.tokenIds.prefix([T]);
  const tokens = { token_ids, next_tokens: step.scratch('nextTokens'), positions: step.inputs.positions.prefix([T]) };
  for (const { first, w: wte } of embedding) {
    step.add(step.kernels.embed, { ...tokens, wte, wpe, out: hidden }, { first });
  }
}

/** Factor of the attention scores of a layer, as Hugging Face's GPT2Attention has it. */
function attentionScale({ headDim, scaleAttnWeights, scaleAttnByInverseLayerIdx }: GPT2Config, layer: number): number {
  return (scaleAttnWeights ? 1 / Math.sqrt(headDim) : 1) / (scaleAttnByInverseLayerIdx ? layer + 1 : 1);
}
