// Probes of a step: where a step has no tensor of a point's shape, other dispatches give it one, and bits that nobody changes
// stay those of the step without probes.
import type { Tensor } from '../gpu/tensor.ts';
import { NO_WINDOW } from '../kernels/attention/attention.ts';
import { EDIT_MODES } from '../kernels/edit-rows/edit-rows.ts';
import { kvRowWords } from '../kernels/kv-write/kv-write.ts';
import type { AttentionOptions, HeadSizes, LayerHeads } from './attention-sizes.ts';
import { type BlockPoint, type PointName, pointsOf } from './points.ts';
import type { Step, StepProbes } from './step.ts';

/** Returns the probes of a step where one of these points of a layer is read or changed, or null. */
export function probesOf(step: Step, layer: number, points: readonly BlockPoint[]): StepProbes | null {
  const nameOf = pointsOf(layer);
  return points.some((point) => step.probes?.has(nameOf(point))) ? step.probes : null;
}

/** Lets a point be read and changed whose values, and no others, a tensor holds. @param shape where it is not the tensor's. */
export function visit(step: Step, point: PointName, value: Tensor, shape: readonly number[] = value.shape): void {
  if (step.probes?.has(point)) step.probes.visit(point, value.view(shape));
}

/** Lets a part of the residual stream be read and changed, before it is added: hidden[T, C] += out[T, C]. */
export function addResidual(step: Step, probes: StepProbes, point: PointName, out: Tensor, hidden: Tensor): void {
  probes.visit(point, out);
  const [T = 0] = hidden.shape;
  const rows = probes.rows.prefix([T]);
  step.add(probes.kernels.editRows, { x: hidden, values: out, rows, sources: rows }, { mode: EDIT_MODES.add });
}

/** Lets q, k and v of a layer in qkv[T, (H + 2G)·D] be read and changed. */
export function visitQKV(step: Step, qkv: Tensor, { layer, ...heads }: LayerHeads): void {
  const { numHeads: H, numKVHeads: G } = heads;
  const nameOf = pointsOf(layer);
  visitHeads(step, nameOf('q'), qkv, { ...heads, first: 0, count: H });
  visitHeads(step, nameOf('k'), qkv, { ...heads, first: H, count: G });
  visitHeads(step, nameOf('v'), qkv, { ...heads, first: H + G, count: G });
}

/** Lets some heads of qkv[T, (H + 2G)·D] be read and changed: `count` from `first` on. */
export function visitHeads(
  step: Step,
  point: PointName,
  qkv: Tensor,
  { first, count, headDim: D }: Pick<HeadSizes, 'headDim'> & { readonly first: number; readonly count: number },
): void {
  const { probes } = step;
  if (!probes?.has(point)) return;
  const { copyColumns } = probes.kernels;
  const [T = 0] = qkv.shape;
  const value = probes.scratch('heads', [T, count, D]);
  const columns = value.view([T, count * D]);
  step.add(copyColumns, { x: qkv, out: columns }, { first: first * D, count: count * D });
  probes.visit(point, value);
  if (probes.changes(point)) {
    step.add(copyColumns, { x: columns, out: qkv }, { out_first: first * D, count: count * D });
  }
}

/**
 * Adds the rotation of q and k apart from the way to the cache, for a point between the two.
 *
 * @param rotate adds the step's own rotation, with k and v into another cache of f32 at other slots, and what follows on q.
 */
export function rotateApart(
  step: Step,
  probes: StepProbes,
  qkv: Tensor,
  { layer, numHeads: H, numKVHeads: G, headDim: D }: LayerHeads,
  rotate: (kv: Tensor, slots: Tensor) => void,
): void {
  const { copyColumns } = probes.kernels;
  const [T = 0] = qkv.shape;
  const W = kvRowWords(D, 'f32');
  // A block of one token each, so that its rotated k is a row of this tensor.
  const rotated = probes.scratch('rotated', [T, 2 * G * W]);
  rotate(rotated.view([T, 2, G, 1, W], 'u32'), probes.rows.prefix([T]));
  for (let g = 0; g < G; g++) {
    step.add(copyColumns, { x: rotated, out: qkv }, { first: g * W, out_first: (H + g) * D, count: D });
  }
  visitHeads(step, pointsOf(layer)('rot_k'), qkv, { headDim: D, first: H, count: G });
  const slots = { slot_mapping: step.inputs.slotMapping.prefix([T]), kv: step.keysAndValues(layer) };
  step.add(step.kernels.kvWrite, { qkv, ...slots }, { D }, { conditions: { KV_F16: step.kvDtype === 'f16' } });
}

/** Lets the probabilities of attention be read and changed: out[T, H·D] is right for those that are not changed. */
export function visitPattern(
  step: Step,
  qkv: Tensor,
  out: Tensor,
  { numHeads: H, headDim: D, layer, scale, window }: HeadSizes & AttentionOptions,
): void {
  const { probes, inputs } = step;
  const point = pointsOf(layer)('pattern');
  if (!probes?.has(point)) return;
  const { kernels, numKeys: X } = probes;
  const [T = 0] = qkv.shape;
  const cache = {
    kv: step.keysAndValues(layer),
    positions: inputs.positions.prefix([T]),
    sequence_index: inputs.sequenceIndex.prefix([T]),
    block_tables: inputs.blockTables,
  };
  const KV_F16 = step.kvDtype === 'f16';
  const seen = { window: window ?? NO_WINDOW };
  const pattern = probes.scratch('pattern', [H, T, X]);
  const choice = { conditions: { KV_F16 }, constants: { D } };
  step.add(kernels.attentionPattern, { qkv, ...cache, pattern }, { scale, ...seen }, choice);
  if (!probes.changes(point)) {
    probes.visit(point, pattern);
    return;
  }
  const original = probes.scratch('original pattern', [H, T, X]);
  const rows = [H * T, X];
  step.add(kernels.copyColumns, { x: pattern.view(rows), out: original.view(rows) }, { count: X });
  probes.visit(point, pattern);
  step.add(kernels.attentionEdited, { ...cache, pattern, original, out }, { D, ...seen }, { conditions: { KV_F16 } });
}
