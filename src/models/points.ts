// The points of a forward pass: named values that may be read, or changed before anything uses them. This table is the one
// list of their names and shapes; an architecture says which of a block's it has.
import { RangeValueError } from '../util/errors.ts';
import { expectedNames, nearestName } from '../util/keys.ts';
import { quote } from '../util/quote.ts';
import type { ModelConfig } from './config.ts';

/** Size of a point's shape: T tokens, C hidden, H query heads, G heads of keys, D head dim, X keys, F MLP width, V vocabulary. */
export type PointLetter = 'T' | 'C' | 'H' | 'G' | 'D' | 'X' | 'F' | 'V';

/** Points of a block, in the order in which it computes them. */
const OF_BLOCK = {
  /** Residual stream before the block. */
  resid_pre: ['T', 'C'],
  /** Output of the norm before attention. */
  attn_in: ['T', 'C'],
  /** Queries, keys and values before their norms and rotation. */
  q: ['T', 'H', 'D'],
  k: ['T', 'G', 'D'],
  v: ['T', 'G', 'D'],
  /** Queries and keys after their norms and rotation. */
  rot_q: ['T', 'H', 'D'],
  rot_k: ['T', 'G', 'D'],
  /** Attention probabilities, 0 at keys that a token does not see. */
  pattern: ['H', 'T', 'X'],
  /** Outputs of the heads. */
  z: ['T', 'H', 'D'],
  /** Sum that attention adds to the residual stream. */
  attn_out: ['T', 'C'],
  /** Residual stream after attention. */
  resid_mid: ['T', 'C'],
  /** Output of the norm before the MLP. */
  mlp_in: ['T', 'C'],
  /** Hidden values of the MLP after the activation. */
  mlp_act: ['T', 'F'],
  /** Sum that the MLP adds to the residual stream. */
  mlp_out: ['T', 'C'],
  /** Residual stream after the block. */
  resid_post: ['T', 'C'],
} as const satisfies Readonly<Record<string, readonly PointLetter[]>>;

/** Points outside the blocks. */
const OUTER = {
  /** Residual stream before the first block. */
  embed: ['T', 'C'],
  /** Output of the last norm. */
  final_norm: ['T', 'C'],
  logits: ['T', 'V'],
} as const satisfies Readonly<Record<string, readonly PointLetter[]>>;

/** Point of every block, such as `z`. */
export type BlockPoint = keyof typeof OF_BLOCK;

/** Name of a point: `embed`, `final_norm`, `logits`, or that of a block such as `blocks.3.z`. */
export type PointName = keyof typeof OUTER | `blocks.${number}.${BlockPoint}`;

/** Points that a block of any architecture may have. */
export const BLOCK_POINTS: readonly BlockPoint[] = Object.keys(OF_BLOCK).filter(isBlockPoint);

/** Point of a model. */
export interface Point {
  readonly name: PointName;
  /** Sizes of its shape. */
  readonly letters: readonly PointLetter[];
}

/** Model as far as its points depend on it. */
export interface PointModel {
  readonly config: ModelConfig;
  /** Name of the architecture. */
  readonly architecture: string;
  /** Points of its blocks. */
  readonly points: readonly BlockPoint[];
}

/** Tokens of a text in one step, and the keys that they may see: those of the context. */
export interface PointSizes {
  readonly numTokens: number;
  readonly numKeys: number;
}

/** Returns the names of a layer's points. */
export function pointsOf(layer: number): (point: BlockPoint) => PointName {
  return (point) => `blocks.${layer}.${point}`;
}

/**
 * Finds a point of a model.
 *
 * @param what names the value in the error, such as `taps[0]`.
 * @throws RangeValueError for a name that is no point of the model.
 */
export function findPoint(what: string, name: unknown, { config, architecture, points }: PointModel): Point {
  if (isOuter(name)) return { name, letters: OUTER[name] };
  const last = config.numLayers - 1;
  const match = typeof name === 'string' ? /^blocks\.(\d+)\.(\w+)$/.exec(name) : null;
  const [, digits = '', ofBlock = ''] = match ?? [];
  if (digits === '') {
    const known = [...Object.keys(OUTER), ...points.map((point) => `blocks.L.${point}`)];
    throw new RangeValueError(what, name, `${expectedNames(String(name), known)}, with L from 0 to ${last}`);
  }
  const layer = Number(digits);
  if (String(layer) !== digits || layer > last) throw new RangeValueError(what, name, `a layer from 0 to ${last}`);
  const point = points.find((one) => one === ofBlock);
  if (point !== undefined) return { name: pointsOf(layer)(point), letters: OF_BLOCK[point] };
  const known = points.join(', ');
  const near = points.find((one) => one === nearestName(ofBlock, points));
  const hint = near === undefined ? '' : ` (did you mean ${quote(pointsOf(layer)(near))}?)`;
  throw new RangeValueError(what, name, `a point that a block of ${architecture} has: ${known}${hint}`);
}

/** Lists the points of a model, in the order in which it computes them. */
export function listPoints({ config, points }: PointModel): PointName[] {
  const ofBlocks = Array.from({ length: config.numLayers }, (_, layer) => points.map(pointsOf(layer)));
  return ['embed', ...ofBlocks.flat(), 'final_norm', 'logits'];
}

/** Returns the shape of a point. */
export function pointShape({ letters }: Point, config: ModelConfig, { numTokens, numKeys }: PointSizes): number[] {
  const sizes: Readonly<Record<PointLetter, number>> = {
    T: numTokens,
    X: numKeys,
    C: config.hiddenSize,
    H: config.numHeads,
    G: config.numKVHeads,
    D: config.headDim,
    F: config.mlpSize,
    V: config.vocabSize,
  };
  return letters.map((letter) => sizes[letter]);
}

function isBlockPoint(name: string): name is BlockPoint {
  return Object.hasOwn(OF_BLOCK, name);
}

function isOuter(name: unknown): name is keyof typeof OUTER {
  return typeof name === 'string' && Object.hasOwn(OUTER, name);
}
