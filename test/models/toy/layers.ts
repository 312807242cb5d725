// The forward pass of the toy: attention and MLP of a layer read the same norm, side by side, and scores are divided by D.
import type { Tensor } from '../../../src/gpu/tensor.ts';
import { attend, embed, linear, type NormedRows, norm, projectAndStore } from '../../../src/models/blocks.ts';
import type { ModelConfig } from '../../../src/models/config.ts';
import { type PointName, pointsOf } from '../../../src/models/points.ts';
import { visit } from '../../../src/models/probes.ts';
import type { Step, StepShape } from '../../../src/models/step.ts';
import type { Weights } from '../../../src/models/weights.ts';

/** Number added to the variance in every norm. */
const EPSILON = 1e-6;

/** Columns of the layers' scratch tensors for every token. */
export function scratch({ numHeads: H, headDim: D, mlpSize: F }: ModelConfig) {
  return { looked: 3 * H * D, seen: H * D, thought: F };
}

/** Adds the embedding and all layers: scratch `hidden`[T, C] is the residual stream. */
export function layers(step: Step, config: ModelConfig, weights: Weights, shape: StepShape): void {
  const { hiddenSize: C, mlpSize: F, numHeads, numKVHeads, headDim, window } = config;
  const T = shape.numTokens;
  const A = numHeads * headDim;
  const hidden = step.scratch('hidden').prefix([T, C]);
  const normed = step.scratch('normed').prefix([T, C]);
  const looked = step.scratch('looked').prefix([T, 3 * A]);
  const seen = step.scratch('seen').prefix([T, A]);
  const thought = step.scratch('thought').prefix([T, F]);
  const linearOf = (module: string) => weights.linear(module);

  embed(step, weights.embedding, weights.table('places'), hidden);
  for (let layer = 0; layer < config.numLayers; layer++) {
    const name = `blocks.${layer}`;
    const [look, think] = [`${name}.look`, `${name}.think`];
    const pointOf = pointsOf(layer);
    const heads = { numHeads, numKVHeads, headDim, layer };
    norm(step, normOf(weights, `${name}.first`, pointOf('attn_in'), hidden, normed));
    projectAndStore(step, normed, linearOf(`${look}.up`), looked, heads);
    attend(step, looked, seen, { ...heads, window, scale: 1 / headDim }, shape);
    linear(step, pointOf('mlp_act'), normed, linearOf(`${think}.up`), thought, { use: 'widening', epilogue: 'RELU' });
    linear(step, pointOf('attn_out'), seen, linearOf(`${look}.down`), hidden, { use: 'mixing', epilogue: 'RESIDUAL' });
    linear(step, pointOf('mlp_out'), thought, linearOf(`${think}.down`), hidden, {
      use: 'narrowing',
      epilogue: 'RESIDUAL',
    });
    visit(step, pointOf('resid_post'), hidden);
  }
}

/** Returns the last norm: out[R, C] of rows hidden[R, C] of the residual stream. */
export function lastNorm(_config: ModelConfig, weights: Weights, hidden: Tensor, out: Tensor): NormedRows {
  return normOf(weights, 'last', 'final_norm', hidden, out);
}

function normOf(weights: Weights, module: string, point: PointName, x: Tensor, out: Tensor): NormedRows {
  return { kind: 'layernorm', point, x, weights: weights.norm(module), eps: EPSILON, out };
}
