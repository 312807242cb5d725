// Taps and edits as callers hand them in, checked whole before any GPU work, for a model, a text and a device.
import type { Device } from '../gpu/device.ts';
import { Kernel } from '../gpu/kernel.ts';
import { PackedMatrix } from '../gpu/packed-matrix.ts';
import { Tensor } from '../gpu/tensor.ts';
import { findPoint, type Point, type PointModel, pointShape } from '../models/points.ts';
import { RangeValueError } from '../util/errors.ts';
import { checkKeys, isRecord } from '../util/keys.ts';
import { checkValue, integerIn } from '../util/option-checks.ts';
import type { AddEdit, KernelEdit, PointEdit, RunEdit, ScaleEdit, SetEdit } from './edits.ts';
import {
  headAxis,
  type Interventions,
  type PlannedChange,
  type PlannedEdit,
  type PlannedValues,
} from './interventions.ts';

/** Text in which a model's points are read and changed. */
export interface InterventionScope {
  readonly model: PointModel;
  readonly device: Device;
  /** Position of the first token of the forward pass. */
  readonly firstPosition: number;
  readonly numTokens: number;
  /** Position after the last one where the text grows, as in generation; null where it does not. */
  readonly end: number | null;
}

const CHANGES = ['set', 'add', 'scale', 'kernel', 'run'] as const;
const OF_KERNELS = { operands: true, scalars: true, choice: true } as const;
const KEYS = {
  at: true,
  head: true,
  position: true,
  set: true,
  add: true,
  scale: true,
  kernel: true,
  ...OF_KERNELS,
  run: true,
} as const satisfies Record<keyof SetEdit | keyof AddEdit | keyof ScaleEdit | keyof KernelEdit | keyof RunEdit, true>;

/** Checks taps and edits. @throws RangeValueError naming the tap or edit; KernelError where a kernel does not take the point. */
export function checkInterventions(
  { taps = [], edit = [] }: { readonly taps?: unknown; readonly edit?: unknown },
  scope: InterventionScope,
): Interventions {
  if (!Array.isArray(taps)) throw new RangeValueError('taps', taps, 'an array of names of points');
  if (!Array.isArray(edit)) throw new RangeValueError('edit', edit, 'an array of edits');
  const interventions = {
    taps: Array.from(taps, (name: unknown, i) => findPoint(`taps[${i}]`, name, scope.model)),
    edits: Array.from(edit, (one: PointEdit, i) => checkEdit(`edit[${i}]`, one, scope)),
  };
  for (const point of [...interventions.taps, ...interventions.edits.map((one) => one.point)]) checkSize(point, scope);
  return interventions;
}

function checkEdit(what: string, edit: PointEdit, scope: InterventionScope): PlannedEdit {
  checkKeys(what, edit, KEYS);
  const point = findPoint(`${what}.at`, edit.at, scope.model);
  const given = CHANGES.filter((name) => Reflect.get(edit, name) !== undefined);
  if (given.length !== 1) throw new RangeValueError(`change of ${what}`, given, `one of ${CHANGES.join(', ')}`);
  const heads = checkHeads(`${what}.head`, edit.head, point, scope);
  const { firstPosition, numTokens, end } = scope;
  const last = (end ?? firstPosition + numTokens) - 1;
  const positions = checkList(`${what}.position`, edit.position, firstPosition, last);
  return { point, heads, positions, change: checkChange(what, edit, { point, positions, ...scope }) };
}

/** Shape of a point for the tokens of a scope. */
function shapeIn(point: Point, { model, firstPosition, numTokens }: InterventionScope): number[] {
  return pointShape(point, model.config, { numTokens, numKeys: firstPosition + numTokens });
}

/** @throws RangeValueError for values that no binding has room for. */
function checkSize(point: Point, scope: InterventionScope): void {
  const shape = shapeIn(point, scope);
  const bytes = Float32Array.BYTES_PER_ELEMENT * numElements(shape);
  const most = scope.device.gpu.limits.maxStorageBufferBindingSize;
  if (bytes <= most) return;
  const what = `bytes of ${point.name} [${shape.join(', ')}]`;
  throw new RangeValueError(what, bytes, `at most ${most}, the largest binding of the adapter`);
}

function checkHeads(what: string, head: unknown, point: Point, scope: InterventionScope): readonly number[] | null {
  const axis = headAxis(point);
  if (axis < 0 && head !== undefined) throw new RangeValueError(what, head, `none: ${point.name} has no heads`);
  return checkList(what, head, 0, (shapeIn(point, scope)[axis] ?? 1) - 1);
}

/** Checks one number or a list of them. @throws RangeValueError for one out of range, twice the same, and an empty list. */
function checkList(what: string, value: unknown, first: number, last: number): readonly number[] | null {
  if (value === undefined) return null;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const numbers: number[] = [];
  for (const [i, each] of Array.from(list).entries()) {
    checkValue(Array.isArray(value) ? `${what}[${i}]` : what, each, integerIn(first, last));
    numbers.push(Number(each));
  }
  if (numbers.length === 0 || new Set(numbers).size < numbers.length) {
    throw new RangeValueError(what, value, 'at least one, and none of them twice');
  }
  return numbers;
}

interface ChangeScope extends InterventionScope {
  readonly point: Point;
  readonly positions: readonly number[] | null;
}

function checkChange(what: string, edit: PointEdit, scope: ChangeScope): PlannedChange {
  for (const name of Object.keys(OF_KERNELS)) {
    const value: unknown = Reflect.get(edit, name);
    if (value !== undefined && Reflect.get(edit, 'kernel') === undefined) {
      throw new RangeValueError(`${what}.${name}`, value, 'none without a kernel');
    }
  }
  if ('set' in edit && edit.set !== undefined)
    return { kind: 'set', values: checkValues(`${what}.set`, edit.set, scope) };
  if ('add' in edit && edit.add !== undefined)
    return { kind: 'add', values: checkValues(`${what}.add`, edit.add, scope) };
  if ('scale' in edit && edit.scale !== undefined)
    return { kind: 'scale', values: checkValues(`${what}.scale`, edit.scale, scope) };
  if ('kernel' in edit && edit.kernel !== undefined) return checkKernel(what, edit, scope);
  if (!('run' in edit)) throw new RangeValueError(`change of ${what}`, edit, `one of ${CHANGES.join(', ')}`);
  if (typeof edit.run !== 'function') throw new RangeValueError(`${what}.run`, edit.run, 'a function');
  if (scope.end !== null) {
    throw new RangeValueError(
      `${what}.run`,
      edit.run,
      'none in generate, which edits on the GPU alone: forward takes it',
    );
  }
  return { kind: 'run', run: edit.run };
}

function checkKernel(what: string, edit: KernelEdit, scope: ChangeScope): PlannedChange {
  const { kernel, operands = {}, scalars = {}, choice = {} } = edit;
  const { device, point } = scope;
  if (!(kernel instanceof Kernel)) {
    throw new RangeValueError(`${what}.kernel`, kernel, 'a kernel; defineKernel makes one');
  }
  const x = kernel.spec.bindings.x;
  if (x === undefined || x.access !== 'read_write') {
    const found = Object.entries(kernel.spec.bindings).map(([name, { access }]) => `${name}: ${access}`);
    throw new RangeValueError(`bindings of ${what}.kernel`, found, `x: read_write among them, for ${point.name}`);
  }
  if (!isRecord(operands)) throw new RangeValueError(`${what}.operands`, operands, 'an object of tensors by name');
  if (Object.hasOwn(operands, 'x')) {
    throw new RangeValueError(`${what}.operands.x`, operands.x, `none: x is ${point.name}`);
  }
  for (const [name, operand] of Object.entries(operands)) checkLive(`${what}.operands.${name}`, operand, device);
  const shape = shapeIn(point, scope);
  kernel.solve(device.traits, { ...operands, x: Tensor.meta('x', 'f32', shape) }, scalars, choice);
  return { kind: 'kernel', kernel, operands: { ...operands }, scalars: { ...scalars }, choice };
}

/** @throws RangeValueError for a tensor that was closed, or is on another device. */
function checkLive(what: string, operand: unknown, device: Device): void {
  const tensor = operand instanceof PackedMatrix ? operand.words : operand;
  if (tensor instanceof Tensor && !device.isLive(tensor.range.buffer)) {
    throw new RangeValueError(what, operand, "a tensor of the model's device that is not closed");
  }
}

function checkValues(what: string, values: unknown, scope: ChangeScope): PlannedValues {
  if (typeof values === 'number') return values;
  if (values instanceof Tensor) {
    checkLive(what, values, scope.device);
    if (values.dtype !== 'f32') throw new RangeValueError(`element type of ${what}`, values.dtype, 'f32');
    return { data: values, ...checkShape(what, values.shape, scope) };
  }
  const isNumbers = Array.isArray(values) && values.every((value) => typeof value === 'number');
  if (!(isNumbers || values instanceof Float32Array)) {
    throw new RangeValueError(what, values, 'a number, numbers, a Float32Array or a tensor');
  }
  const data = Float32Array.from(values);
  return { data, ...checkShape(what, shapeOfLength(data.length, scope), scope) };
}

/** Sizes of a point, and those that values for it may have. */
function valueShapes(scope: ChangeScope) {
  const shape = shapeIn(scope.point, scope);
  const axisOfTokens = scope.point.letters.indexOf('T');
  return {
    vector: shape.slice(-1),
    // Heads of a position lie side by side but in attention probabilities.
    ofPosition: axisOfTokens === 0 ? shape.slice(1) : shape.slice(-1),
    ofPositions: (count: number) => shape.with(axisOfTokens, count),
    axisOfTokens,
  };
}

/** Returns the shape that values without one have by their number. */
function shapeOfLength(length: number, scope: ChangeScope): number[] {
  const { vector, ofPosition, ofPositions } = valueShapes(scope);
  const known = [vector, ofPosition].find((shape) => length === numElements(shape));
  const count = length / numElements(ofPositions(1));
  return known ?? (Number.isInteger(count) ? ofPositions(count) : [length]);
}

/** @throws RangeValueError for a shape that gives no value to each element of the place. */
function checkShape(what: string, shape: readonly number[], scope: ChangeScope) {
  const { firstPosition, numTokens, end, positions, point } = scope;
  const { vector, ofPosition, ofPositions, axisOfTokens } = valueShapes(scope);
  const isShape = (other: readonly number[]) => other.join() === shape.join();
  const growsWithText = end !== null && point.letters.includes('X');
  const numPositions = shape[axisOfTokens] ?? 0;
  if (!growsWithText) {
    if (isShape(vector) || isShape(ofPosition)) return { numDims: shape.length, numPositions: 1 };
    const total = firstPosition + numTokens;
    // Fewer rows than the context has, after a cached text: those of the new tokens alone, perhaps, whose places are others.
    const least = firstPosition === 0 ? 0 : total;
    const isEnough =
      positions === null ? numPositions === total : numPositions > Math.max(...positions) && numPositions >= least;
    if ((end === null || positions !== null) && isEnough && isShape(ofPositions(numPositions))) {
      return { numDims: shape.length, numPositions };
    }
  }
  const shapes = [vector, ofPosition, ofPositions(firstPosition + numTokens)].map((one) => `[${one.join(', ')}]`);
  const expected = growsWithText ? `a number, as ${point.name} grows with the text` : [...new Set(shapes)].join(' or ');
  throw new RangeValueError(`shape of ${what}`, shape, expected);
}

function numElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
