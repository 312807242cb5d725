import { joinChoices } from '../../gpu/join-choices.ts';
import type { Kernel } from '../../gpu/kernel.ts';
import type { ChoiceOf, KernelSpec, ScalarsOf, TensorsOf } from '../../gpu/kernel-spec.ts';
import type { Tensor } from '../../gpu/tensor.ts';
import { fillsKVRow } from '../../kernels/matmul/matmul.ts';
import type { KVCache } from '../../runtime/kv-cache.ts';
import type { Activations } from '../../runtime/scratch.ts';
import type { StepInputs } from '../../runtime/step-inputs.ts';
import type { Tuning } from '../../tuning/tuning.ts';
import type { Activation, GPT2Config } from './config.ts';
import type { GPT2Kernels } from './kernels.ts';
import type { GPT2Weights, LinearWeights, NormWeights } from './weights.ts';

/** Query rows of a prompt that share an attention tile. */
export const PREFILL_TILE_ROWS = 8;

/** Sizes of one step; equal sizes run the same dispatches. */
export interface StepShape {
  /** T */
  readonly numTokens: number;
  /** Tokens that are their sequence's only one in this step; they come first. */
  readonly numDecodeTokens: number;
  /** Attention tiles of the other tokens. */
  readonly numPrefillTiles: number;
  /** Splits of the longest context among the decode tokens. */
  readonly numDecodeSplits: number;
  /** R */
  readonly numLogitsRows: number;
  /** The rows that need logits are all tokens, in order. */
  readonly logitsOfAll: boolean;
  /** Some row samples from other logits than the model's. */
  readonly adjustsLogits: boolean;
  /** Some row reports log-probabilities. */
  readonly reportsLogprobs: boolean;
}

/** What takes the dispatches of a step, and may look inside it. */
export interface StepSink {
  add<S extends KernelSpec>(
    kernel: Kernel<S>,
    tensors: TensorsOf<S>,
    scalars: ScalarsOf<S>,
    choice?: ChoiceOf<S>,
  ): unknown;
  /** A tensor of this shape that is to get the output of a module, too; names are those in Hugging Face's GPT-2. */
  tap?(module: string, shape: readonly number[]): Tensor | null;
  /** Told the residual stream behind each layer, before it changes again. */
  passLayer?(module: string, hidden: Tensor): void;
}

/** A GPT-2 on the GPU with all that its forward pass reads and writes. */
export interface GPT2Parts {
  readonly config: GPT2Config;
  readonly weights: GPT2Weights;
  readonly kv: KVCache;
  readonly inputs: StepInputs;
  readonly activations: Activations;
  readonly kernels: GPT2Kernels;
  readonly tuning: Tuning;
  /** Ids from here on are never sampled. */
  readonly numSampledIds: number;
}

/** What a matmul does to its sums, as a condition of the kernel. */
type Epilogue = 'GELU_NEW' | 'GELU' | 'RELU' | 'RESIDUAL';

const ACTIVATION_CONDITION: Readonly<Record<Activation, Epilogue>> = {
  gelu_new: 'GELU_NEW',
  gelu: 'GELU',
  relu: 'RELU',
};

/**
 * Adds the forward pass over the tokens of one step, whatever sequences they belong to: from token ids to sampled ids.
 * Letters are those of the kernels.
 */
export function forward(step: StepSink, parts: GPT2Parts, shape: StepShape): void {
  const { config, weights, kv, inputs, activations, kernels, tuning } = parts;
  const { hiddenSize: C, numHeads: H, headDim: D, mlpSize: F, vocabSize: V } = config;
  const { numTokens: T, numDecodeTokens, numPrefillTiles, numDecodeSplits: splits, numLogitsRows: R } = shape;
  const { norm, linear, variantOf } = operations(step, parts);
  const KV_F16 = kv.dtype === 'f16';

  const hidden = activations.hidden.prefix([T, C]);
  const normed = activations.normed.prefix([T, C]);
  const qkv = activations.qkv.prefix([T, 3 * C]);
  const attended = activations.attended.prefix([T, C]);
  const mlp = activations.mlp.prefix([T, F]);
  const positions = inputs.positions.prefix([T]);
  const nextTokens = activations.nextTokens;

  for (const { first, w: wte } of weights.embedding) {
    const tokens = { token_ids: inputs.tokenIds.prefix([T]), next_tokens: nextTokens, positions };
    const tables = { wte, wpe: weights.positions };
    step.add(kernels.embed, { ...tokens, ...tables, out: hidden }, { first });
  }
  for (const [l, layer] of weights.layers.entries()) {
    norm(`h.${l}.ln_1`, hidden, layer.norm1, normed);
    projectQKV(`h.${l}.attn.c_attn`, layer.qkv, kv.layers[l]!);
    attend(kv.layers[l]!, attentionScale(config, l));
    linear(`h.${l}.attn`, attended, layer.projection, hidden, 'RESIDUAL');
    norm(`h.${l}.ln_2`, hidden, layer.norm2, normed);
    linear(`h.${l}.mlp.act`, normed, layer.fc, mlp, ACTIVATION_CONDITION[config.activation]);
    linear(`h.${l}.mlp`, mlp, layer.fcProjection, hidden, 'RESIDUAL');
    step.passLayer?.(`h.${l}`, hidden);
  }
  if (R > 0) sampleRows();

  /** q goes to `qkv`, k and v to the cache: with one kernel where they fill its rows, else by way of `qkv`. */
  function projectQKV(module: string, weights: LinearWeights, cache: Tensor): void {
    const slots = { slot_mapping: inputs.slotMapping.prefix([T]), kv: cache };
    if (!fillsKVRow(D, kv.dtype)) {
      linear(module, normed, weights, qkv);
      step.add(kernels.kvWrite, { qkv, ...slots }, { D }, { conditions: { KV_F16 } });
      return;
    }
    const variant = joinChoices(variantOf(kernels.matmulKVWrite, normed, weights), { conditions: { KV_F16 } });
    step.add(kernels.matmulKVWrite, { x: normed, ...weights, out: qkv, ...slots }, { first: 0, D }, variant);
    const tapped = step.tap?.(module, qkv.shape);
    if (tapped) linear(null, normed, weights, tapped);
  }

  /** Decode rows by splits where a context needs several, the rest by tiles. */
  function attend(cache: Tensor, scale: number): void {
    const tiles = {
      query_tiles: inputs.queryTiles.prefix([numDecodeTokens + numPrefillTiles, 2]),
      positions,
      sequence_index: inputs.sequenceIndex.prefix([T]),
      block_tables: inputs.blockTables,
    };
    const variant = ({ name }: Pick<Kernel, 'name'>, ROWS: number) => {
      const { conditions, constants } = tuning.attention(name, { H, ROWS });
      return { conditions: { ...conditions, KV_F16 }, constants: { ...constants, D, ROWS } };
    };
    const whole = { qkv, kv: cache, ...tiles, out: attended };
    if (numDecodeTokens > 0 && splits === 1) {
      const scalars = { first: 0, count: numDecodeTokens, scale, Z: 1 };
      step.add(kernels.attention, whole, scalars, variant(kernels.attention, 1));
    } else if (numDecodeTokens > 0) {
      const { partials } = activations;
      const count = numDecodeTokens;
      step.add(
        kernels.attentionSplit,
        { qkv, kv: cache, ...tiles, partials },
        { first: 0, count, splits, scale },
        variant(kernels.attentionSplit, 1),
      );
      step.add(kernels.attentionFold, { partials, positions, out: attended }, { count, D });
    }
    if (numPrefillTiles > 0) {
      const scalars = { first: numDecodeTokens, count: numPrefillTiles, scale, Z: 1 };
      step.add(kernels.attention, whole, scalars, variant(kernels.attention, PREFILL_TILE_ROWS));
    }
  }

  /** The last norm, the LM head and the sampler, on the rows that need logits only. Log-probabilities are the model's. */
  function sampleRows(): void {
    const rows = activations.gathered.prefix([R, C]);
    if (!shape.logitsOfAll) {
      step.add(kernels.gatherRows, { x: hidden, rows: inputs.logitsRows.prefix([R]), out: rows }, {});
    }
    const logits = activations.logits.prefix([R, V]);
    const lastNormed = activations.normed.prefix([R, C]);
    lastNorm(step, parts, shape.logitsOfAll ? hidden : rows, lastNormed);
    lmHead(step, parts, lastNormed, logits);
    const sampled = activations.sampled.prefix([R, 2]);
    const sampling = firstRows(inputs.sampling, R);
    const outputs = { next_tokens: nextTokens, sampled };
    const source = shape.adjustsLogits ? adjust(logits) : logits;
    const allowed = parts.numSampledIds;
    const variant = tuning.sample(kernels.sample.name, { V });
    step.add(kernels.sample, { logits: source, sampling, ...outputs }, { allowed }, variant);
    if (shape.reportsLogprobs) {
      const wanted = inputs.wantedLogprobs.prefix([R]);
      const records = firstRows(activations.logprobs, R);
      step.add(kernels.logprobs, { logits, chosen: sampled, wanted, records }, {});
    }
  }

  function adjust(logits: Tensor): Tensor {
    const out = activations.adjusted.prefix([R, V]);
    const rows = firstRows(inputs.adjustRows, R);
    step.add(kernels.adjustLogits, { logits, rows, entries: inputs.adjustEntries, next_tokens: nextTokens, out }, {});
    return out;
  }
}

/** Adds the last norm: out[R, C] of rows hidden[R, C] of the residual stream. */
export function lastNorm(step: StepSink, parts: GPT2Parts, hidden: Tensor, out: Tensor): void {
  operations(step, parts).norm('ln_f', hidden, parts.weights.finalNorm, out);
}

/** Adds the LM head: logits[R, V] of normed[R, C]. */
export function lmHead(step: StepSink, parts: GPT2Parts, normed: Tensor, logits: Tensor): void {
  const { linear } = operations(step, parts);
  const { head, noBias } = parts.weights;
  for (const { first, size, w } of head)
    linear(null, normed, { w, bias: noBias.prefix([size]) }, logits, undefined, first);
}

/** The two operations of which most of a GPT-2 consists. */
function operations(step: StepSink, { config, kernels, tuning }: GPT2Parts) {
  return { norm, linear, variantOf };

  function norm(module: string, x: Tensor, { gamma, beta }: NormWeights, out: Tensor): void {
    compute(module, out, (to) => {
      step.add(kernels.layernorm, { x, gamma, beta, out: to }, { eps: config.layerNormEpsilon });
    });
  }

  /** out[M, first + n] (+)= f(x[M, K] · w[K, N] + bias[N]) */
  function linear(
    module: string | null,
    x: Tensor,
    { w, bias }: LinearWeights,
    out: Tensor,
    epilogue?: Epilogue,
    first = 0,
  ) {
    const variant = variantOf(kernels.matmul, x, { w, bias });
    compute(module, out, (to) => {
      // What a module adds to the residual stream is its output.
      const adds = epilogue !== 'RESIDUAL' || to === out;
      const conditions = epilogue && adds ? { [epilogue]: true } : {};
      step.add(kernels.matmul, { x, w, bias, out: to }, { first }, joinChoices(variant, { conditions }));
    });
  }

  /** The variant of a matmul, but for what it does with its sums. */
  function variantOf({ name }: Pick<Kernel, 'name'>, x: Tensor, { bias }: LinearWeights) {
    const [M = 0, K = 0] = x.shape;
    const choice = tuning.matmul(name, { M, K, N: bias.shape[0] ?? 0 });
    return joinChoices(choice, { conditions: { X_VEC4: K % 4 === 0 } });
  }

  /** Computes a module's output, and once more for whoever taps it. */
  function compute(module: string | null, out: Tensor, add: (to: Tensor) => void): void {
    add(out);
    const tapped = module === null ? null : step.tap?.(module, out.shape);
    if (tapped) add(tapped);
  }
}

/** [R, …] of a tensor with as many rows or more. */
function firstRows(tensor: Tensor, R: number): Tensor {
  return tensor.prefix([R, ...tensor.shape.slice(1)]);
}

/** Factor of the attention scores of layer l, as Hugging Face's GPT2Attention has it. */
function attentionScale({ headDim, scaleAttnWeights, scaleAttnByInverseLayerIdx }: GPT2Config, l: number): number {
  return (scaleAttnWeights ? 1 / Math.sqrt(headDim) : 1) / (scaleAttnByInverseLayerIdx ? l + 1 : 1);
}
