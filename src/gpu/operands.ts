// The operands of a call, checked against a kernel's bindings: each a live Tensor or PackedMatrix of this device, as
// the binding asks, and of a packed matrix the conditions under which the kernel reads its format.
import { isRecord } from '../util/keys.ts';
import { clip, quote } from '../util/quote.ts';
import type { BoundRange } from './bound-operands.ts';
import type { Device } from './device.ts';
import { KernelError } from './errors.ts';
import type { BindingSpec, Dims, KernelSpec, VariantChoice } from './kernel-spec.ts';
import { PackedMatrix } from './packed-matrix.ts';
import { type DType, Tensor } from './tensor.ts';

/** Operand of a binding with its own shape. */
export interface ShapedOperand {
  readonly name: string;
  readonly binding: BindingSpec;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Operand of a binding with the bytes that are bound. */
export interface BoundOperand extends ShapedOperand {
  readonly range: BoundRange;
}

/** Operands by name, of any kind. */
export type Operands = Readonly<Record<string, Tensor | PackedMatrix>>;

/**
 * Puts operands into the order of the bindings.
 *
 * @throws KernelError for one that is missing, unknown, of the wrong kind, closed, or on another device; DeviceLostError.
 */
export function bindOperands(device: Device, spec: KernelSpec, operands: Operands): BoundOperand[] {
  checkNames(spec, operands);
  if (device.loss) throw device.loss;
  return Object.entries(spec.bindings).map(([name, binding]) => {
    const { words, ...operand } = shapedOperand(spec.name, name, binding, operands[name]);
    const { range } = words;
    if (!device.isLive(range.buffer)) throw new KernelError(spec.name, `${name} was closed or is on another device`);
    return { ...operand, range };
  });
}

/**
 * Puts the shapes of operands into the order of the bindings.
 *
 * @throws KernelError for one that is missing, unknown or of the wrong kind.
 */
export function shapeOperands(spec: KernelSpec, operands: Operands): ShapedOperand[] {
  checkNames(spec, operands);
  return Object.entries(spec.bindings).map(([name, binding]) =>
    shapedOperand(spec.name, name, binding, operands[name]),
  );
}

function checkNames(spec: KernelSpec, operands: Operands): void {
  if (!isRecord(operands)) throw new KernelError(spec.name, `tensors are ${quote(operands)}, expected an object`);
  const names = Object.keys(spec.bindings);
  for (const name of Object.keys(operands)) {
    if (!names.includes(name)) throw unknownName(spec.name, 'tensor', name, names);
  }
}

function shapedOperand(
  kernel: string,
  name: string,
  binding: BindingSpec,
  operand: Tensor | PackedMatrix | undefined,
): ShapedOperand & { readonly words: Tensor } {
  if (operand === undefined || operand === null) throw new KernelError(kernel, `tensor ${name} is missing`);
  if (binding.packed) {
    if (!(operand instanceof PackedMatrix)) {
      throw new KernelError(kernel, `${name} is no packed matrix; packWeight makes one`);
    }
    const { shape, words } = operand;
    return { name, binding, dtype: words.dtype, shape, words };
  }
  if (operand instanceof PackedMatrix) throw new KernelError(kernel, `${name} is a packed matrix, expected a Tensor`);
  if (!(operand instanceof Tensor)) throw new KernelError(kernel, `${name} is no Tensor; Tensor.from makes one`);
  return { name, binding, dtype: operand.dtype, shape: operand.shape, words: operand };
}

/**
 * A choice with the conditions of the packed matrices among the operands.
 *
 * @throws KernelError for a choice that contradicts one of them.
 */
export function withPackedConditions(spec: KernelSpec, operands: Operands, choice: VariantChoice = {}): VariantChoice {
  // `mergeChoice` refuses what is no choice.
  if (!isRecord(choice) || (choice.conditions !== undefined && !isRecord(choice.conditions))) return choice;
  let { conditions } = choice;
  for (const name of Object.keys(spec.bindings)) {
    const operand = operands[name];
    if (!(operand instanceof PackedMatrix)) continue;
    for (const [condition, value] of Object.entries(operand.conditions)) {
      const chosen = conditions?.[condition];
      if (chosen !== undefined && chosen !== value) {
        throw new KernelError(spec.name, `${condition} is chosen as ${chosen}, but ${name} is ${operand.dtype}`);
      }
    }
    conditions = { ...conditions, ...operand.conditions };
  }
  return conditions === undefined ? choice : { ...choice, conditions };
}

/** Scalars by name, as a caller gives them. */
export type Scalars = Readonly<Record<string, number | undefined>>;

/**
 * Puts scalars with those that have defaults.
 *
 * @throws KernelError for one that the kernel does not declare, is no number, or is missing.
 */
export function withDefaults(spec: KernelSpec, given: Scalars): Dims {
  if (!isRecord(given)) throw new KernelError(spec.name, `scalars are ${quote(given)}, expected an object`);
  const { params = {}, extras = [], defaults = {} } = spec;
  const names = [...Object.keys(params), ...extras];
  const scalars: Record<string, number> = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    if (!names.includes(name)) throw unknownName(spec.name, 'scalar', name, names);
    if (typeof value !== 'number' || Number.isNaN(value)) {
      throw new KernelError(spec.name, `scalar ${name} is ${quote(value)}, expected a number`);
    }
    scalars[name] = value;
  }
  const missing = names.find((name) => scalars[name] === undefined && !isLetter(spec, name));
  if (missing !== undefined) throw new KernelError(spec.name, `scalar ${missing} is missing`);
  return scalars;
}

/** Tells whether the shape of a tensor determines a number. */
function isLetter({ bindings }: KernelSpec, name: string): boolean {
  return Object.values(bindings).some(({ shape }) => shape.some((dim) => dim === name));
}

/** An error for a name that a kernel does not declare. */
export function unknownName(kernel: string, what: string, name: string, known: readonly string[]): KernelError {
  return new KernelError(kernel, `has no ${what} ${clip(name)}; it has: ${known.join(', ') || 'none'}`);
}
