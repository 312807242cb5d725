import type { DeviceTraits } from './device.ts';
import type { PackedMatrix } from './packed-matrix.ts';
import type { DType, Tensor } from './tensor.ts';

/** Solved sizes by shape letter. */
export type Dims = Readonly<Record<string, number>>;

/** One size of a binding's shape: a letter to solve for, a number, or a function of the solved letters. */
export type Dim = string | number | ((dims: Dims) => number);

/** A storage buffer of a kernel that takes a Tensor. */
export interface TensorBinding<D extends Dim = Dim> {
  readonly access: 'read' | 'read_write';
  readonly dtype: DType;
  readonly shape: readonly D[];
  readonly packed?: never;
}

/** A storage buffer of u32 words that takes a PackedMatrix; the shape is the matrix's. */
export interface PackedBinding<D extends Dim = Dim> {
  readonly access: 'read';
  readonly dtype: 'u32';
  readonly shape: readonly [rows: D, columns: D];
  readonly packed: true;
}

/** A storage buffer of a kernel. */
export type BindingSpec<D extends Dim = Dim> = TensorBinding<D> | PackedBinding<D>;

type Declare = <const Shape extends readonly Dim[]>(...shape: Shape) => TensorBinding<Shape[number]>;

function declare(access: TensorBinding['access'], dtype: DType): Declare {
  return (...shape) => ({ access, dtype, shape });
}

type DeclareAny = Declare & { readonly f16: Declare; readonly i32: Declare; readonly u32: Declare };

function declareAny(access: TensorBinding['access']): DeclareAny {
  const [f16, i32, u32] = [declare(access, 'f16'), declare(access, 'i32'), declare(access, 'u32')];
  return Object.assign(declare(access, 'f32'), { f16, i32, u32 });
}

/** An input that is a packed matrix, such as a weight of `packWeight`. The kernel takes the matrix's own conditions. */
export function readPacked<const Rows extends Dim, const Columns extends Dim>(
  rows: Rows,
  columns: Columns,
): PackedBinding<Rows | Columns> {
  return { access: 'read', dtype: 'u32', shape: [rows, columns], packed: true };
}

/**
 * An input of f32; `read.f16`, `read.i32`, `read.u32` for the other element types. The shader of an f16 binding declares
 * u32 words: element i is half `i & 1` (the low one first) of word `i >> 1`, whatever the shape.
 */
export const read: DeclareAny = declareAny('read');

/** An output, or a tensor changed in place; its element types are those of `read`. */
export const write: DeclareAny = declareAny('read_write');

/** Type of a scalar. */
export type ScalarType = 'u32' | 'f32';

/** Values that a variant is built with. All are part of its name. */
export interface Variant {
  /** `@if(NAME)` of the shader. */
  readonly conditions: Readonly<Record<string, boolean>>;
  /** `constants::NAME` of the shader: sizes that shape its code, and `@if(NAME)`, which holds where it is not 0. */
  readonly constants: Readonly<Record<string, number>>;
  /** `override NAME` of the shader. */
  readonly overrides: Readonly<Record<string, number>>;
}

/** Part of a variant; what is left out takes the kernel's default for the adapter. */
export type VariantChoice = { readonly [K in keyof Variant]?: Variant[K] };

/** Part of a variant of one kernel, by the names that it declares; what is left out takes its default. */
export interface ChoiceOf<S extends KernelSpec> {
  readonly conditions?: Choices<S['conditions'], boolean>;
  readonly constants?: Choices<S['constants'], number>;
  readonly overrides?: Choices<S['overrides'], number>;
}

type Choices<Defaults, Value> = Defaults extends (traits: DeviceTraits) => infer Names
  ? { readonly [K in keyof Names]?: Value }
  : { readonly [name: string]: never };

/** Workgroups in each dimension. */
export type Grid = readonly [x: number, y: number, z: number];

/** What one dispatch has to do. */
export interface Cost {
  /** Read and written, each word once however often it is loaded. */
  readonly bytes: number;
  /** Floating-point operations. */
  readonly flops: number;
  /** Words that the lanes load, from memory or caches, where that is more than bytes / 4. */
  readonly loads?: number;
}

type Bindings = Readonly<Record<string, BindingSpec>>;
type LettersOf<B extends Bindings> = Extract<B[keyof B]['shape'][number], string>;

/**
 * The declaration of a kernel: all that the host must know of `shaders/<shader>.wgsl`, compared with the linked shader
 * when a variant is first built.
 */
export interface KernelSpec<
  B extends Bindings = Bindings,
  P extends Readonly<Record<string, ScalarType>> = Readonly<Record<string, ScalarType>>,
> {
  readonly name: string;
  /** File name in `shaders/` without extension; the kernel's name when absent. */
  readonly shader?: string;
  /**
   * WGSL instead of that file's text: one's own shader. It may import from `shaders/` as `package::<file>::<name>`. It
   * declares its bindings as `@group(0)` in their order, and reads the scalars of `params` as `params.<name>`: the struct and
   * its variable are declared for it.
   */
  readonly source?: string;
  /** WGSL instead of the text of other files in `shaders/`, by name without extension: modules that the shader imports. */
  readonly modules?: Readonly<Record<string, string>>;
  /** In order of `@binding`. */
  readonly bindings: B;
  /** Fields of the shader's `Params`, in order; those that are shape letters are filled in from the tensors. */
  readonly params: P;
  /** Names of further numbers that shapes or the grid need and the shader does not. */
  readonly extras?: readonly string[];
  /** Every `@if` condition of the shader, with its default. */
  readonly conditions?: (traits: DeviceTraits) => Readonly<Record<string, boolean>>;
  /** Every `constants::` of the shader, with its default. `@if` of one holds where it is not 0. */
  readonly constants?: (traits: DeviceTraits) => Readonly<Record<string, number>>;
  /** Every `override` of the shader, with its default. */
  readonly overrides?: (traits: DeviceTraits) => Readonly<Record<string, number>>;
  /** Values that constants and overrides may take, defaults included, where there are several: the tests run them all. */
  readonly tunables?: Readonly<Record<string, readonly number[]>>;
  /** Names what keeps a variant from running on a device, or null. */
  readonly checkVariant?: (variant: Variant, traits: DeviceTraits) => string | null;
  /** Names the first thing wrong with the sizes, or null. */
  readonly check?: (dims: Dims, variant: Variant) => string | null;
  /** Whole numbers of workgroups in x, y and z; `Math.ceil` where a workgroup is left in part. */
  readonly workgroups: (dims: Dims, variant: Variant) => Grid;
  readonly cost: (dims: Dims, variant: Variant) => Cost;
}

/** What a kernel takes, by name: a T for a tensor, a P for a packed matrix. */
export type TensorsOf<S extends KernelSpec, T = Tensor, P = PackedMatrix> = {
  readonly [K in keyof S['bindings']]: OperandOf<S['bindings'][K], T, P>;
};

type OperandOf<B, T, P> = B extends PackedBinding ? P : T;

/** Scalars that the caller gives: params that no tensor's shape determines, and the extras. */
export type ScalarsOf<S extends KernelSpec> = {
  readonly [K in
    | Exclude<keyof S['params'], LettersOf<S['bindings']>>
    | (S['extras'] extends readonly (infer E extends string)[] ? E : never)]: number;
};

/** Sizes and scalars by name, as `cost` takes them. */
export type DimsOf<S extends KernelSpec> = {
  readonly [K in LettersOf<S['bindings']> | keyof ScalarsOf<S>]?: number;
};
