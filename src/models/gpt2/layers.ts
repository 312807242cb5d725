// The forward pass of GPT-2, from token ids to the residual stream after the last layer, over the tokens of one step,
// whatever sequences they belong to. Weights have the names of Hugging Face's GPT-2.
import type { Tensor } from '../../gpu/tensor.ts';
import { attend, type Epilogue, embed, linear, type NormedRows, projectAndStore } from '../blocks.ts';
import { type PointName, pointsOf } from '../points.ts';
import { visit } from '../probes.ts';
import type { Step, StepShape } from '../step.ts';
import type { Weights } from '../weights.ts';
import type { Activation, GPT2Config } from './config.ts';

const EPILOGUES: Readonly<Record<Activation, Epilogue>> = { gelu_new: 'GELU_NEW', gelu: 'GELU', relu: 'RELU' };

/** Columns of the layers' scratch tensors for every token. */
export function scratch({ hiddenSize: C, mlpSize: F }: GPT2Config) {
  return { qkv: 3 * C, attended: C, mlp: F };
}

/** Adds the embedding and all layers: scratch `hidden`[T, C] is the residual stream. */
export function layers(step: Step, config: GPT2Config, weights: Weights, shape: StepShape): void {
  const { hiddenSize: C, mlpSize: F, numHeads, numKVHeads, headDim, window, normEpsilon: eps } = config;
  const T = shape.numTokens;
  const hidden = step.scratch('hidden').prefix([T, C]);
  const normed = step.scratch('normed').prefix([T, C]);
  const qkv = step.scratch('qkv').prefix([T, 3 * C]);
  const attended = step.scratch('attended').prefix([T, C]);
  const mlp = step.scratch('mlp').prefix([T, F]);

  embed(step, weights.embedding, weights.table('wpe'), hidden);
  for (let layer = 0; layer < config.numLayers; layer++) {
    const name = `h.${layer}`;
    const pointOf = pointsOf(layer);
    const heads = { numHeads, numKVHeads, headDim, layer };
    const rows = (module: string, point: PointName): NormedRows => ({
      kind: 'layernorm',
      point,
      x: hidden,
      weights: weights.norm(module),
      eps,
      out: normed,
    });
    visit(step, pointOf('resid_pre'), hidden);
    const attentionRows = rows(`${name}.ln_1`, pointOf('attn_in'));
    projectAndStore(step, attentionRows, weights.linear(`${name}.attn.c_attn`), qkv, heads);
    attend(step, qkv, attended, { ...heads, window, scale: attentionScale(config, layer) }, shape);
    linear(step, pointOf('attn_out'), attended, weights.linear(`${name}.attn.c_proj`), hidden, {
      use: 'projection',
      epilogue: 'RESIDUAL',
    });
    visit(step, pointOf('resid_mid'), hidden);
    const mlpRows = rows(`${name}.ln_2`, pointOf('mlp_in'));
    linear(step, pointOf('mlp_act'), mlpRows, weights.linear(`${name}.mlp.c_fc`), mlp, {
      use: 'MLP',
      epilogue: EPILOGUES[config.activation],
    });
    linear(step, pointOf('mlp_out'), mlp, weights.linear(`${name}.mlp.c_proj`), hidden, {
      use: 'MLP projection',
      epilogue: 'RESIDUAL',
    });
    visit(step, pointOf('resid_post'), hidden);
  }
}

/** Returns the last norm: out[R, C] of rows hidden[R, C] of the residual stream. */
export function lastNorm(config: GPT2Config, weights: Weights, hidden: Tensor, out: Tensor): NormedRows {
  return {
    kind: 'layernorm',
    point: 'final_norm',
    x: hidden,
    weights: weights.norm('ln_f'),
    eps: config.normEpsilon,
    out,
  };
}

/** Factor of the attention scores of a layer, as Hugging Face's GPT2Attention has it. */
function attentionScale({ headDim, scaleAttnWeights, scaleAttnByInverseLayerIdx }: GPT2Config, layer: number): number {
  return (scaleAttnWeights ? 1 / Math.sqrt(headDim) : 1) / (scaleAttnByInverseLayerIdx ? layer + 1 : 1);
}
