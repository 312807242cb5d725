// Interventions of a forward pass after they were checked: which points are read, and what changes which rows of them.
import type { Kernel } from '../gpu/kernel.ts';
import type { VariantChoice } from '../gpu/kernel-spec.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { Point } from '../models/points.ts';
import type { EditFunction, KernelEdit } from './edits.ts';

/** Values of an edit: a number, or rows of the point's last size. */
export type PlannedValues =
  | number
  | {
      readonly data: Float32Array | Tensor;
      /** Last sizes of the point's shape that the data have, from 1 to all of them. */
      readonly numDims: number;
      /** Positions that they have rows for; 1 where they have none. */
      readonly numPositions: number;
    };

/** Change of the values at a place. */
export type PlannedChange =
  | { readonly kind: 'set' | 'add' | 'scale'; readonly values: PlannedValues }
  | {
      readonly kind: 'kernel';
      readonly kernel: Kernel;
      readonly operands: NonNullable<KernelEdit['operands']>;
      readonly scalars: Readonly<Record<string, number>>;
      readonly choice: VariantChoice;
    }
  | { readonly kind: 'run'; readonly run: EditFunction };

/** Edit of a point of the model. */
export interface PlannedEdit {
  readonly point: Point;
  /** Null for all. */
  readonly heads: readonly number[] | null;
  /** Positions in the text; null for all. */
  readonly positions: readonly number[] | null;
  readonly change: PlannedChange;
}

/** Points that a step reads, and its edits in their order. */
export interface Interventions {
  readonly taps: readonly Point[];
  readonly edits: readonly PlannedEdit[];
}

/** Interventions of a step that none is made in. */
export const NO_INTERVENTIONS: Interventions = { taps: [], edits: [] };

/**
 * Tells whether the interventions of a text may be made in a step with others: changes by values, at points whose rows are tokens of
 * the layers.
 */
export function runsBeside({ taps, edits }: Interventions = NO_INTERVENTIONS): boolean {
  const isOfLayers = ({ name, letters }: Point) => letters[0] === 'T' && name !== 'final_norm' && name !== 'logits';
  return taps.length === 0 && edits.every(({ point, change }) => 'values' in change && isOfLayers(point));
}

/** Rows of a point, seen as a matrix whose columns are the last size of its shape. */
export interface EditedRows {
  /** Rows of the point. */
  readonly rows: number[];
  /** Row of the edit's values for each of them; 0 where they are one for all. */
  readonly sources: number[];
}

/**
 * Lists the rows of a point that an edit changes.
 *
 * @param shape of the point in the step.
 * @param firstPosition position of its first token.
 */
export function editedRows(edit: PlannedEdit, shape: readonly number[], firstPosition: number): EditedRows {
  const { point, change } = edit;
  const axisOfTokens = point.letters.indexOf('T');
  const axisOfHeads = headAxis(point);
  const numTokens = shape[axisOfTokens] ?? 0;
  const numHeads = axisOfHeads < 0 ? 1 : (shape[axisOfHeads] ?? 0);
  const heads = edit.heads ?? Array.from({ length: numHeads }, (_, h) => h);
  const all = Array.from({ length: numTokens }, (_, t) => firstPosition + t);
  const chosen = edit.positions;
  const positions = chosen === null ? all : all.filter((position) => chosen.includes(position));
  const values = 'values' in change && typeof change.values !== 'number' ? change.values : null;
  const rowOf = (t: number, h: number, tokens: number) =>
    axisOfHeads > axisOfTokens ? t * numHeads + h : axisOfHeads < 0 ? t : h * tokens + t;
  const sourceOf = (position: number, h: number) => {
    if (values === null || values.numDims === 1) return 0;
    if (values.numDims === shape.length) return rowOf(position, h, values.numPositions);
    return axisOfHeads > axisOfTokens ? h : position;
  };
  const places = positions.flatMap((position) => heads.map((head) => ({ position, head })));
  return {
    rows: places.map(({ position, head }) => rowOf(position - firstPosition, head, numTokens)),
    sources: places.map(({ position, head }) => sourceOf(position, head)),
  };
}

/** Returns the axis of a point's shape that counts heads, or −1. */
export function headAxis({ letters }: Point): number {
  return letters.findIndex((letter) => letter === 'H' || letter === 'G');
}
