// The forward pass of the Llama family, from token ids to the residual stream after the last layer, over the tokens of one
// step, whatever sequences they belong to. Weights have the names of Hugging Face's Llama; those of one matmul share one.
import type { Tensor } from '../../gpu/tensor.ts';
import { attend, embed, linear, type NormedRows, projectQKV, rotateAndStore } from '../blocks.ts';
import { type PointName, pointsOf } from '../points.ts';
import { visit } from '../probes.ts';
import type { Step, StepShape } from '../step.ts';
import type { Weights } from '../weights.ts';
import type { LlamaConfig } from './config.ts';
import { ROPE_TABLE } from './rope-table.ts';

/** Columns of the layers' scratch tensors for every token. */
export function scratch({ numHeads: H, numKVHeads: G, headDim: D, mlpSize: F }: LlamaConfig) {
  return { qkv: (H + 2 * G) * D, attended: H * D, mlp: F };
}

/** Adds the embedding and all layers: scratch `hidden`[T, C] is the residual stream. */
export function layers(step: Step, config: LlamaConfig, weights: Weights, shape: StepShape): void {
  const {
    hiddenSize: C,
    mlpSize: F,
    numHeads: H,
    numKVHeads: G,
    headDim: D,
    normEpsilon: eps,
    window,
    qkNorm,
  } = config;
  const T = shape.numTokens;
  const hidden = step.scratch('hidden').prefix([T, C]);
  const normed = step.scratch('normed').prefix([T, C]);
  const qkv = step.scratch('qkv').prefix([T, (H + 2 * G) * D]);
  const attended = step.scratch('attended').prefix([T, H * D]);
  const mlp = step.scratch('mlp').prefix([T, F]);
  const rope = step.positionTable(ROPE_TABLE);

  embed(step, weights.embedding, null, hidden);
  for (let layer = 0; layer < config.numLayers; layer++) {
    const name = `layers.${layer}`;
    const [attention, gateUp, down] = [`${name}.self_attn`, `${name}.mlp.gate_up_proj`, `${name}.mlp.down_proj`];
    const pointOf = pointsOf(layer);
    const heads = { numHeads: H, numKVHeads: G, headDim: D, layer };
    const rows = (module: string, point: PointName): NormedRows => ({
      kind: 'rmsnorm',
      point,
      x: hidden,
      weights: weights.norm(module),
      eps,
      out: normed,
    });
    visit(step, pointOf('resid_pre'), hidden);
    const attentionRows = rows(`${name}.input_layernorm`, pointOf('attn_in'));
    projectQKV(step, attentionRows, weights.linear(`${attention}.qkv_proj`), qkv, heads);
    const norms = qkNorm
      ? { q: weights.norm(`${attention}.q_norm`), k: weights.norm(`${attention}.k_norm`), eps }
      : null;
    rotateAndStore(step, qkv, { ...heads, rope, norms });
    attend(step, qkv, attended, { ...heads, window, scale: 1 / Math.sqrt(D) }, shape);
    linear(step, pointOf('attn_out'), attended, weights.linear(`${attention}.o_proj`), hidden, {
      use: 'projection',
      epilogue: 'RESIDUAL',
    });
    visit(step, pointOf('resid_mid'), hidden);
    const mlpRows = rows(`${name}.post_attention_layernorm`, pointOf('mlp_in'));
    linear(step, pointOf('mlp_act'), mlpRows, weights.linear(gateUp), mlp, { use: 'MLP', epilogue: 'SILU_MUL' });
    linear(step, pointOf('mlp_out'), mlp, weights.linear(down), hidden, {
      use: 'MLP projection',
      epilogue: 'RESIDUAL',
    });
    visit(step, pointOf('resid_post'), hidden);
  }
}

/** Returns the last norm: out[R, C] of rows hidden[R, C] of the residual stream. */
export function lastNorm(config: LlamaConfig, weights: Weights, hidden: Tensor, out: Tensor): NormedRows {
  return {
    kind: 'rmsnorm',
    point: 'final_norm',
    x: hidden,
    weights: weights.norm('norm'),
    eps: config.normEpsilon,
    out,
  };
}
