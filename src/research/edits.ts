// Edits of a forward pass: at a point, for some heads and positions, a change of its values before anything uses them.
import type { Kernel } from '../gpu/kernel.ts';
import type { VariantChoice } from '../gpu/kernel-spec.ts';
import type { PackedMatrix } from '../gpu/packed-matrix.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { PointName } from '../models/points.ts';

/**
 * Values of an edit, of the last sizes of the point's shape: a number for all elements; a vector for every head and position;
 * for a point of heads, [H, D] for every position; or a row for each position of the context, of which the edit takes those at
 * its own heads and positions, as in a tap of another run.
 */
export type EditValues = number | readonly number[] | Float32Array | Tensor;

/** Place of an edit: a point, and the heads and positions whose values it changes; all when absent. */
export interface EditPlace {
  readonly at: PointName;
  /** Head or heads, from 0. */
  readonly head?: number | readonly number[] | undefined;
  /** Position or positions in the text, from 0. */
  readonly position?: number | readonly number[] | undefined;
}

/** Replacement by values: `{ at: 'blocks.3.z', head: 2, set: 0 }` ablates a head. */
export interface SetEdit extends EditPlace {
  readonly set: EditValues;
}

/** Addition of values, such as a steering vector. */
export interface AddEdit extends EditPlace {
  readonly add: EditValues;
}

/** Multiplication by values. */
export interface ScaleEdit extends EditPlace {
  readonly scale: EditValues;
}

/**
 * Change by a kernel of one's own. Its binding `x`, declared by `write`, is the point's tensor: it binds these values and no
 * others, in the shape of the point for the tokens of the step. With `head` or `position` only those keep what it wrote.
 */
export interface KernelEdit extends EditPlace {
  readonly kernel: Kernel;
  /** Operands but x. */
  readonly operands?: Readonly<Record<string, Tensor | PackedMatrix>> | undefined;
  readonly scalars?: Readonly<Record<string, number>> | undefined;
  readonly choice?: VariantChoice | undefined;
}

/** Where a change on the host takes place. */
export interface EditContext {
  readonly point: PointName;
  /** Position in the text of the first token among the values. */
  readonly firstPosition: number;
}

/** Change of a point's values, in place; shape as of the point, e.g. [T, H, D]. It must not call the same model. */
export type EditFunction = (
  values: Float32Array,
  shape: readonly number[],
  context: EditContext,
) => void | Promise<void>;

/** Change on the host. It cuts the forward pass into several submits. With `head` or `position` only those keep what it wrote. */
export interface RunEdit extends EditPlace {
  readonly run: EditFunction;
}

/** Edit that runs on the GPU, in forward passes and in generation. */
export type DeviceEdit = SetEdit | AddEdit | ScaleEdit | KernelEdit;

/** Edit of a forward pass. */
export type PointEdit = DeviceEdit | RunEdit;
