// Blocks that layers of any architecture are built from: embedding, norm, linear, attention over the paged cache. Each adds
// the dispatches of one module to a step, and visits its points; letters are those of the kernels.

import type { Kernel } from '../gpu/kernel.ts';
import type { VariantChoice } from '../gpu/kernel-spec.ts';
import { overlay } from '../gpu/overlay.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { NO_WINDOW } from '../kernels/attention/attention.ts';
import { PREFILL_TILE_TOKENS } from '../kernels/attention/query-tiles.ts';
import type { KVDType } from '../kernels/kv-write/kv-write.ts';
import { fillsKVRow } from '../kernels/matmul/matmul.ts';
import type { AttentionOptions, HeadSizes, LayerHeads } from './attention-sizes.ts';
import { type PointName, pointsOf } from './points.ts';
import { addResidual, probesOf, rotateApart, visit, visitHeads, visitPattern, visitQKV } from './probes.ts';
import type { Step, StepShape } from './step.ts';
import type { LinearWeights, NormWeights, VocabularyRange } from './weights.ts';

/** Change of a matmul's sums, as a condition of the kernel. */
export type Epilogue = 'GELU_NEW' | 'GELU' | 'RELU' | 'SILU_MUL' | 'RESIDUAL';

/** Norm of a row: by its mean and variance, or by its mean square. */
export type NormKind = 'layernorm' | 'rmsnorm';

/** Rows of a norm whose output only one linear module reads: a kernel that takes the norm in needs no `out`. */
export interface NormedRows {
  readonly kind: NormKind;
  /** Point that its output is. */
  readonly point: PointName;
  /** [M, C] */
  readonly x: Tensor;
  readonly weights: NormWeights;
  readonly eps: number;
  /** [M, C] */
  readonly out: Tensor;
}

/**
 * Adds out[t] = tokens[id] (+ positions[position]) for each of T tokens, a range of the vocabulary at a time.
 *
 * @param positions a row for each position; null where attention alone knows of positions.
 */
export function embed(step: Step, tokens: readonly VocabularyRange[], positions: Tensor | null, out: Tensor): void {
  const { kernels, inputs } = step;
  const [T = 0] = out.shape;
  const common = { token_ids: inputs.tokenIds.prefix([T]), next_tokens: step.scratch('nextTokens'), out };
  const learned = positions && { positions: inputs.positions.prefix([T]), wpe: positions };
  for (const { first, w: wte } of tokens) {
    if (learned === null) step.add(kernels.embedTokens, { ...common, wte }, { first });
    else step.add(kernels.embed, { ...common, ...learned, wte }, { first });
  }
  visit(step, 'embed', out);
}

/** Adds the norm of rows. */
export function norm(step: Step, rows: NormedRows): void {
  const { kind, point, x, eps, out } = rows;
  const kernel: Kernel = step.kernels[kind];
  step.add(kernel, { x, ...scaleAndShift(rows), out }, { eps });
  visit(step, point, out);
}

/**
 * Adds out[M, first + n] (+)= f(x[M, K] · w[K, N] + bias[N]).
 *
 * @param point the sum's, before it is added where the epilogue is RESIDUAL; null for none.
 * @param rows x, or the norm that gives it.
 */
export function linear(
  step: Step,
  point: PointName | null,
  rows: Tensor | NormedRows,
  weights: LinearWeights,
  out: Tensor,
  { use, epilogue, first = 0 }: { readonly use: string; readonly epilogue?: Epilogue; readonly first?: number },
): void {
  const { probes } = step;
  if (epilogue === 'RESIDUAL' && point !== null && probes?.has(point)) {
    const sum = probes.scratch('sum', out.shape);
    linear(step, null, rows, weights, sum, { use, first });
    addResidual(step, probes, point, sum, out);
    return;
  }
  const { matmul, normMatmul, rmsnormMatmul } = step.kernels;
  const change = { conditions: epilogue ? { [epilogue]: true } : {} };
  const fused = takeIn(step, { layernorm: normMatmul, rmsnorm: rmsnormMatmul }, rows, weights);
  if (fused !== null) {
    const { kernel, variant, operands, eps } = fused;
    step.add(kernel, { ...operands, ...weights, out }, { first, eps }, overlay(variant, change), use);
  } else {
    const x = addNorm(step, rows);
    const variant = overlay(matmulVariant(step, matmul, x, weights), change);
    step.add(matmul, { x, ...weights, out }, { first }, variant, use);
  }
  if (point !== null) visit(step, point, out);
}

/**
 * Adds the projection to qkv[T, (H + 2G)·D]: queries, keys and values.
 *
 * @param rows x, or the norm that gives it.
 */
export function projectQKV(
  step: Step,
  rows: Tensor | NormedRows,
  weights: LinearWeights,
  qkv: Tensor,
  heads: LayerHeads,
): void {
  linear(step, null, rows, weights, qkv, { use: 'qkv' });
  visitQKV(step, qkv, heads);
}

/**
 * Adds the projection to queries, keys and values: q goes to `qkv`; k and v go to the cache, by way of `qkv` where one
 * kernel can't, or they are points that are read or changed.
 *
 * @param rows x, or the norm that gives it.
 */
export function projectAndStore(
  step: Step,
  rows: Tensor | NormedRows,
  weights: LinearWeights,
  qkv: Tensor,
  heads: LayerHeads,
): void {
  const { kernels, kvDtype, inputs } = step;
  const { layer, headDim: D } = heads;
  const [T = 0] = qkv.shape;
  const slots = { slot_mapping: inputs.slotMapping.prefix([T]), kv: step.keysAndValues(layer) };
  const storage = { conditions: { KV_F16: kvDtype === 'f16' } };
  if (!fillsKVRow(D, kvDtype) || probesOf(step, layer, ['q', 'k', 'v']) !== null) {
    projectQKV(step, rows, weights, qkv, heads);
    step.add(kernels.kvWrite, { qkv, ...slots }, { D }, storage);
    return;
  }
  const fused = takeIn(step, { layernorm: kernels.normMatmulKVWrite }, rows, weights);
  if (fused !== null) {
    const { kernel, variant, operands, eps } = fused;
    step.add(kernel, { ...operands, ...weights, out: qkv, ...slots }, { D, eps }, overlay(variant, storage), 'qkv');
    return;
  }
  const x = addNorm(step, rows);
  const variant = overlay(matmulVariant(step, kernels.matmulKVWrite, x, weights), storage);
  step.add(kernels.matmulKVWrite, { x, ...weights, out: qkv, ...slots }, { D }, variant, 'qkv');
}

/** Heads of q, k and v, and how they are rotated. */
export interface Rotation extends LayerHeads {
  /** [Y, D] cosines and sines of each position. */
  readonly rope: Tensor;
  /** Norms of each head before the rotation; null for none. */
  readonly norms: { readonly q: NormWeights; readonly k: NormWeights; readonly eps: number } | null;
}

/** Adds the rotation of q and k in qkv[T, (H + 2G)·D] by their positions; k and v go to the cache. */
export function rotateAndStore(step: Step, qkv: Tensor, rotation: Rotation): void {
  const { kernels, kvDtype, inputs } = step;
  const { numHeads: H, layer, rope, norms } = rotation;
  const [T = 0] = qkv.shape;
  const rotate = (kv: Tensor, slots: Tensor, dtype: KVDType) => {
    const operands = { qkv, rope, positions: inputs.positions.prefix([T]), slot_mapping: slots, kv };
    const storage = { conditions: { KV_F16: dtype === 'f16' } };
    if (norms === null) step.add(kernels.ropeKVWrite, operands, { H }, storage);
    else {
      const gains = { q_gamma: norms.q.gamma, k_gamma: norms.k.gamma };
      step.add(kernels.normRopeKVWrite, { ...operands, ...gains }, { H, eps: norms.eps }, storage);
    }
  };
  const visitQueries = () => visitHeads(step, pointsOf(layer)('rot_q'), qkv, { ...rotation, first: 0, count: H });
  const apart = probesOf(step, layer, ['rot_k']);
  if (apart === null) {
    rotate(step.keysAndValues(layer), inputs.slotMapping.prefix([T]), kvDtype);
    visitQueries();
    return;
  }
  rotateApart(step, apart, qkv, rotation, (kv, slots) => {
    rotate(kv, slots, 'f32');
    visitQueries();
  });
}

/**
 * Adds attention over the cache of a layer: out[T, H · D] of qkv[T, (H + 2 · G) · D], of decode rows in splits where a context
 * needs several.
 */
export function attend(
  step: Step,
  qkv: Tensor,
  out: Tensor,
  options: HeadSizes & AttentionOptions,
  { numTokens: T, numDecodeTokens, numPrefillTiles, numDecodeSplits: splits }: StepShape,
): void {
  const { kernels, inputs } = step;
  const { numHeads: H, numKVHeads: G, headDim: D, layer, ...scores } = options;
  const KV_F16 = step.kvDtype === 'f16';
  const positions = inputs.positions.prefix([T]);
  const operands = {
    qkv,
    kv: step.keysAndValues(layer),
    query_tiles: inputs.queryTiles.prefix([numDecodeTokens + numPrefillTiles, 2]),
    positions,
    sequence_index: inputs.sequenceIndex.prefix([T]),
    block_tables: inputs.blockTables,
  };
  const SHARE = H / G;
  const [window, scale] = [scores.window ?? NO_WINDOW, scores.scale];
  const variant = (kernel: Kernel, tileTokens: number) => {
    const { conditions, constants } = step.choose(kernel, { G, SHARE, tileTokens });
    return { conditions: { ...conditions, KV_F16 }, constants: { ...constants, D, SHARE } };
  };
  const whole = (use: string, first: number, count: number, tileTokens: number) =>
    step.add(
      kernels.attention,
      { ...operands, out },
      { first, count, tileTokens, window, scale },
      variant(kernels.attention, tileTokens),
      use,
    );

  if (numDecodeTokens > 0 && splits === 1) whole('decode', 0, numDecodeTokens, 1);
  else if (numDecodeTokens > 0) {
    const partials = step.scratch('partials');
    const [count, { attentionSplit }] = [numDecodeTokens, kernels];
    const scalars = { count, tileTokens: 1, window, splits, scale };
    step.add(attentionSplit, { ...operands, partials }, scalars, variant(attentionSplit, 1));
    step.add(kernels.attentionFold, { partials, positions, out }, { count, D, window });
  }
  if (numPrefillTiles > 0) whole('prefill', numDecodeTokens, numPrefillTiles, PREFILL_TILE_TOKENS);
  visitPattern(step, qkv, out, options);
  visit(step, pointsOf(layer)('z'), out, [T, H, D]);
}

/**
 * Returns the kernel that takes the norm of rows in, its variant, and its operands of the norm; or null where the rows have no
 * norm, no kernel takes its kind in, the norm's output is read or changed, or the step runs the kernels apart.
 *
 * @param kernels matmuls by the kind of norm that they take in.
 */
function takeIn(
  step: Step,
  kernels: Readonly<Partial<Record<NormKind, Kernel>>>,
  rows: Tensor | NormedRows,
  { bias }: LinearWeights,
) {
  if (!('eps' in rows) || step.probes?.has(rows.point)) return null;
  const { kind, x, eps } = rows;
  const kernel = kernels[kind];
  if (kernel === undefined) return null;
  const [M = 0, K = 0] = x.shape;
  const variant = step.fuse(kernel, { M, K, N: bias.shape[0] ?? 0 });
  return variant && { kernel, variant, operands: { x, ...scaleAndShift(rows) }, eps };
}

/** Returns the weights that the kernels of a norm read: an RMS norm has no shift. */
function scaleAndShift({ kind, weights: { gamma, beta } }: NormedRows): Readonly<Record<string, Tensor>> {
  return kind === 'rmsnorm' ? { gamma } : { gamma, beta };
}

/** Adds the norm of rows that have one; returns the rows. */
export function addNorm(step: Step, rows: Tensor | NormedRows): Tensor {
  if (!('eps' in rows)) return rows;
  norm(step, rows);
  return rows.out;
}

/** Chooses the variant of a matmul, but for the change of its sums. */
function matmulVariant(step: Step, kernel: Kernel, x: Tensor, { bias }: LinearWeights): VariantChoice {
  const [M = 0, K = 0] = x.shape;
  const choice = step.choose(kernel, { M, K, N: bias.shape[0] ?? 0 });
  return overlay(choice, { conditions: { X_VEC4: K % 4 === 0 } });
}
