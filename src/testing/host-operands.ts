// Operands of a check on the host: arrays, shapes, or what lies on a device already; of an output that only its shape says
// anything, the shape follows from the inputs.
import type { Device } from '../gpu/device.ts';
import { KernelError } from '../gpu/errors.ts';
import type { Dims, KernelSpec } from '../gpu/kernel-spec.ts';
import { unknownName } from '../gpu/operands.ts';
import { PackedMatrix } from '../gpu/packed-matrix.ts';
import { checkAliasing, sizeOf } from '../gpu/shapes.ts';
import { Tensor } from '../gpu/tensor.ts';
import { type DType, dtypeOf, type TensorData, type TensorSource, toData } from '../gpu/tensor-data.ts';
import { PackedWeight } from '../kernels/weights/packed-weight.ts';
import type { WeightDType } from '../kernels/weights/weight-tiles.ts';
import { checkKeys, isRecord } from '../util/keys.ts';
import { numElements } from '../util/math.ts';
import { quote } from '../util/quote.ts';

/** Contents and shape of a tensor; an output without `data` starts as garbage. */
export interface ShapedData {
  readonly data?: TensorSource;
  readonly shape: readonly number[];
  /** Size and storage of the weight whose tiles the data are, for a packed binding. */
  readonly weight?: { readonly K: number; readonly N: number; readonly dtype: WeightDType } | undefined;
}

/**
 * Operand of a check. An array alone has one dimension; a tensor or packed matrix is read from its device.
 */
export type CheckedOperand = TensorSource | ShapedData | Tensor | PackedMatrix;

/** Operand with all that a dispatch needs of it. */
export interface HostOperand {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Null for an output that starts as garbage, and for one that stays on the device. */
  readonly data: TensorData | null;
  /** Tensor on the device that is bound as it is; null for one that gets a buffer between guard words. */
  readonly live: Tensor | null;
  readonly written: boolean;
  /** Operand that the kernel's declaration is checked against: a shape alone, or the packed matrix. */
  readonly meta: Tensor | PackedMatrix;
}

const SHAPED_KEYS = { data: true, shape: true, weight: true };

/**
 * Brings the operands of a kernel to the host, in the order of its bindings.
 *
 * @param device leaves what is on it and only read where it is; null to read everything.
 * @throws KernelError for one that is missing, unknown, or whose data don't fill its shape; TensorError for data that are none.
 */
export async function hostOperands(
  spec: KernelSpec,
  given: Readonly<Record<string, CheckedOperand | undefined>>,
  scalars: Dims,
  device: Device | null,
): Promise<HostOperand[]> {
  if (!isRecord(given)) throw new KernelError(spec.name, `operands are ${quote(given)}, expected an object`);
  const names = Object.keys(spec.bindings);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) throw unknownName(spec.name, 'tensor', unknown, names);
  const operands = new Map<string, HostOperand>();
  for (const name of names) {
    const operand = given[name];
    if (operand !== undefined) operands.set(name, await hostOperand(spec, name, operand, device));
  }
  checkOverlap(spec, given, operands);
  const dims = letters(spec, operands, scalars);
  return names.map((name) => operands.get(name) ?? unwritten(spec, name, dims));
}

async function hostOperand(
  spec: KernelSpec,
  name: string,
  given: CheckedOperand,
  device: Device | null,
): Promise<HostOperand> {
  const binding = spec.bindings[name]!;
  const written = binding.access === 'read_write';
  if (given instanceof PackedMatrix || given instanceof Tensor) {
    const tensor = given instanceof PackedMatrix ? given.words : given;
    const operand = { name, dtype: tensor.dtype, shape: tensor.shape, data: null, live: tensor, written, meta: given };
    return device?.isLive(tensor.range.buffer) && !written ? operand : await broughtHere(operand);
  }
  if (!isShaped(given)) {
    const data = toData(name, given, binding.dtype);
    if (binding.shape.length !== 1) {
      const expected = `{ data, shape: [${binding.shape.map((dim) => (typeof dim === 'function' ? '…' : dim)).join(', ')}] }`;
      throw new KernelError(spec.name, `${name} is an array without shape, expected ${expected}`);
    }
    return shaped(spec, name, data, [data.length], written);
  }
  checkKeys(`operand ${name} of ${spec.name}`, given, SHAPED_KEYS);
  const { shape, weight } = given;
  if (given.data === undefined) {
    if (!written) throw new KernelError(spec.name, `${name} is read, but has no data: { data, shape }`);
    return {
      name,
      dtype: binding.dtype,
      shape,
      data: null,
      live: null,
      written,
      meta: Tensor.meta(name, binding.dtype, shape),
    };
  }
  const operand = shaped(spec, name, toData(name, given.data, binding.dtype), shape, written);
  if (weight === undefined) return operand;
  return {
    ...operand,
    meta: PackedWeight.over(Tensor.meta(name, operand.dtype, shape), [weight.K, weight.N], weight.dtype),
  };
}

/** Reads an operand that is on the device. @throws TensorError when it was closed; DeviceLostError. */
export async function broughtHere(operand: HostOperand): Promise<HostOperand> {
  return operand.live === null ? operand : { ...operand, data: await operand.live.read(), live: null };
}

/** Refuses operands that share memory, of the device or of the host, where one of them is written: a dispatch of them is none. */
function checkOverlap(
  spec: KernelSpec,
  given: Readonly<Record<string, CheckedOperand | undefined>>,
  operands: ReadonlyMap<string, HostOperand>,
): void {
  const bound = [...operands.values()].flatMap(({ name, dtype, shape }) => {
    const tensor = given[name];
    return tensor instanceof Tensor ? [{ name, dtype, shape, binding: spec.bindings[name]!, range: tensor.range }] : [];
  });
  checkAliasing(spec, bound);
  const arrays = [...operands.values()].flatMap(({ name, written }) => {
    const { [name]: operand } = given;
    const data = isShaped(operand) ? operand.data : operand;
    return ArrayBuffer.isView(data) && data.byteLength > 0 ? [{ name, written, data }] : [];
  });
  for (const [i, a] of arrays.entries()) {
    for (const b of arrays.slice(i + 1)) {
      const [first, second] = a.data.byteOffset <= b.data.byteOffset ? [a.data, b.data] : [b.data, a.data];
      const overlap = first.buffer === second.buffer && first.byteOffset + first.byteLength > second.byteOffset;
      if (overlap && (a.written || b.written)) {
        throw new KernelError(
          spec.name,
          `${a.name} and ${b.name} overlap in memory and one of them is written: copy one`,
        );
      }
    }
  }
}

function isShaped(given: CheckedOperand | undefined): given is ShapedData {
  if (typeof given !== 'object' || given === null || Array.isArray(given) || ArrayBuffer.isView(given)) return false;
  return !(given instanceof Tensor || given instanceof PackedMatrix);
}

function shaped(
  spec: KernelSpec,
  name: string,
  data: TensorData,
  shape: readonly number[],
  written: boolean,
): HostOperand {
  const dtype = dtypeOf(data);
  const meta = Tensor.meta(name, dtype, shape);
  if (meta.length !== data.length) {
    throw new KernelError(spec.name, `${name} has ${data.length} elements, expected ${meta.length} for [${shape}]`);
  }
  return { name, dtype, shape, data, live: null, written, meta };
}

/** Letters that the operands and scalars at hand determine. */
function letters(spec: KernelSpec, operands: ReadonlyMap<string, HostOperand>, scalars: Dims): Dims {
  const dims: Record<string, number> = { ...scalars };
  for (const [name, { shape }] of Object.entries(spec.bindings)) {
    const known = operands.get(name)?.meta.shape ?? [];
    shape.forEach((dim, i) => {
      const size = known[i];
      if (typeof dim === 'string' && size !== undefined) dims[dim] ??= size;
    });
  }
  return dims;
}

/** An output that nobody gave: its shape follows from the others. */
function unwritten(spec: KernelSpec, name: string, dims: Dims): HostOperand {
  const { access, dtype, shape: declared } = spec.bindings[name]!;
  if (access === 'read') throw new KernelError(spec.name, `tensor ${name} is missing`);
  const shape = declared.map((dim) => {
    const isKnown = typeof dim !== 'string' || dims[dim] !== undefined;
    const size = isKnown ? sizeOf(dim, dims) : Number.NaN;
    if (Number.isSafeInteger(size)) return size;
    throw new KernelError(spec.name, `output ${name} is missing, and no input determines its shape: give { shape }`);
  });
  return { name, dtype, shape, data: null, live: null, written: true, meta: Tensor.meta(name, dtype, shape) };
}

/** Bytes of an operand as words, zeros after an odd number of f16. */
export function wordsOf(data: TensorData): Uint32Array {
  const bytes = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return new Uint32Array(bytes.buffer);
}

/** Number of elements of an operand. */
export function lengthOf({ shape }: HostOperand): number {
  return numElements(shape);
}
