// The declaration of a kernel and the types that follow from it: a letter, scalar, condition or number that the declaration
// does not name is an error of the compiler in its own callbacks, and in every call.
import type { DeviceTraits } from './device-traits.ts';
import type { PackedMatrix } from './packed-matrix.ts';
import type { DType, Tensor } from './tensor.ts';

/** Numbers by name: solved shape letters, scalars, constants. */
export type Sizes<Names extends string> = Readonly<Record<Names, number>>;

/** Solved sizes by shape letter. */
export type Dims = Sizes<string>;

/** A method, so that a function may name the sizes that it needs: `({ H, D }: Sizes<'H' | 'D'>) => H * D`. */
interface ComputedDim {
  size(dims: Dims): number;
}

/** One size of a binding's shape: a letter to solve for, a number, or a function of sizes. */
export type Dim = string | number | ComputedDim['size'];

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
 * u32 words: element i is half `i & 1` (the low one first) of word `i >> 1`, whatever the shape. Under `enable f16;` it may
 * declare f16.
 */
export const read: DeclareAny = declareAny('read');

/** An output, or a tensor changed in place; its element types are those of `read`. */
export const write: DeclareAny = declareAny('read_write');

/** Type of a scalar. */
export type ScalarType = 'u32' | 'i32' | 'f32';

/** Values of one variant, by the names that a kernel declares. All are part of its name. */
export interface VariantOf<Conditions extends string, Constants extends string, Overrides extends string> {
  /** `@if(NAME)` of the shader. */
  readonly conditions: Readonly<Record<Conditions, boolean>>;
  /** `constants::NAME` of the shader: sizes that shape its code, and `@if(NAME)`, which holds where it is not 0. */
  readonly constants: Sizes<Constants>;
  /** `override NAME` of the shader. */
  readonly overrides: Sizes<Overrides>;
}

/** Values of one variant of any kernel. */
export type Variant = VariantOf<string, string, string>;

/** Part of a variant; what is left out takes the kernel's default for the adapter. */
export interface VariantChoice {
  readonly conditions?: Readonly<Record<string, boolean | undefined>>;
  readonly constants?: Readonly<Record<string, number | undefined>>;
  readonly overrides?: Readonly<Record<string, number | undefined>>;
}

/** Part of a variant of one kernel, by the names that it declares; what is left out takes its default. */
export interface ChoiceOf<S extends KernelSpec> {
  readonly conditions?: Choices<NamesOf<S>['conditions'], boolean>;
  readonly constants?: Choices<NamesOf<S>['constants'], number>;
  readonly overrides?: Choices<NamesOf<S>['overrides'], number>;
}

type Choices<Names extends string, Value> = [Names] extends [never]
  ? { readonly [name: string]: never }
  : { readonly [K in Names]?: Value };

/** Files of variants that are different algorithms: by the first condition, or constant other than 0, that holds. */
export type ShaderChoice<Names extends string = string> = { readonly otherwise: string } & {
  readonly [Name in Names]?: string;
};

/** Workgroups in each dimension. */
export type Grid = readonly [x: number, y: number, z: number];

/** Work of one dispatch. */
export interface Cost {
  /** Read and written, each word once however often it is loaded. */
  readonly bytes: number;
  /** Floating-point operations. */
  readonly flops: number;
  /** Words that the lanes load, from memory or caches, where that is more than bytes / 4. */
  readonly loads?: number;
}

/** Storage buffers by name. */
export type Bindings = Readonly<Record<string, BindingSpec>>;

type DimOf<B extends Bindings> = B[keyof B]['shape'][number];

/** Letters that the shapes of tensors determine. */
type LettersOf<B extends Bindings> = Extract<DimOf<B>, string>;

/** Names that the functions among the sizes of shapes need. */
type NeededBy<D> = D extends (dims: infer Needed) => number
  ? string extends keyof Needed
    ? never
    : Extract<keyof Needed, string>
  : never;

/** Makes bindings whose functions need a name that the kernel does not have an error of the compiler. */
export type Solvable<B extends Bindings, Names extends string> = [
  Exclude<NeededBy<DimOf<B>>, LettersOf<B> | Names>,
] extends [never]
  ? unknown
  : { readonly bindings: { readonly unknown: Exclude<NeededBy<DimOf<B>>, LettersOf<B> | Names> } };

// Callbacks take these names and declare none.
type DeclaredSizes<B extends Bindings, Names extends string> = Sizes<NoInfer<LettersOf<B> | Names>>;
type DeclaredVariant<C extends string, K extends string, O extends string> = VariantOf<
  NoInfer<C>,
  NoInfer<K>,
  NoInfer<O>
>;

/**
 * The declaration of a kernel: all that the host must know of `shaders/<shader>.wgsl`, compared with the linked shader
 * when a variant is first built. Its callbacks get the names that it declares and no others; a callback stands after the
 * properties that it depends on.
 */
export interface KernelSpec<
  B extends Bindings = Bindings,
  Params extends string = string,
  Extras extends string = string,
  Conditions extends string = string,
  Constants extends string = string,
  Overrides extends string = string,
  Defaults extends string = string,
> {
  readonly name: string;
  /** File name in `shaders/` without extension; the kernel's name when absent. */
  readonly shader?: string | ShaderChoice<NoInfer<Conditions | Constants>>;
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
  /** Fields of the shader's `params`, in order; those that are shape letters are filled in from the tensors. */
  readonly params?: Readonly<Record<Params, ScalarType>>;
  /** Names of further numbers that shapes or the grid need and the shader does not. */
  readonly extras?: readonly Extras[];
  /** Values of scalars that a caller may leave out. */
  readonly defaults?: Sizes<Defaults>;
  /** Every `@if` condition of the shader, with its default. */
  readonly conditions?: (traits: DeviceTraits) => Readonly<Record<Conditions, boolean>>;
  /** Every `constants::` of the shader, with its default. `@if` of one holds where it is not 0. */
  readonly constants?: (traits: DeviceTraits) => Sizes<Constants>;
  /** Every `override` of the shader, with its default. */
  readonly overrides?: (traits: DeviceTraits) => Sizes<Overrides>;
  /** Values that constants and overrides may take, defaults included, where there are several: the tests run them all. */
  readonly tunables?: { readonly [K in NoInfer<Constants | Overrides>]?: readonly number[] };
  /**
   * Optional features of WebGPU that the shader needs in every variant, such as `shader-f16` of one that begins with `enable
   * f16;`: a device without one refuses the kernel by name.
   */
  readonly requires?: readonly string[];
  /**
   * Outputs that have the same bits: `all` variants' (default), those of all `runs` of a variant, where variants sum in different
   * orders, or `none`, where even runs differ, as with the order of atomic operations. A check of the kernel asks for no more.
   */
  readonly bits?: 'all' | 'runs' | 'none';
  /** Names what keeps a device from running a variant, or null. */
  supports?(variant: DeclaredVariant<Conditions, Constants, Overrides>, traits: DeviceTraits): string | null;
  /** Names the first thing wrong with the sizes, or null. */
  accepts?(
    dims: DeclaredSizes<B, Params | Extras | Constants>,
    variant: DeclaredVariant<Conditions, Constants, Overrides>,
  ): string | null;
  /** Whole numbers of workgroups in x, y and z; `Math.ceil` where a workgroup is left in part. */
  workgroups(
    dims: DeclaredSizes<B, Params | Extras | Constants>,
    variant: DeclaredVariant<Conditions, Constants, Overrides>,
  ): Grid;
  /** Work of a dispatch, for timings in GB/s and GFLOP/s. */
  cost?(
    dims: DeclaredSizes<B, Params | Extras | Constants>,
    variant: DeclaredVariant<Conditions, Constants, Overrides>,
  ): Cost;
}

/** Names that a declaration has, by kind. */
type NamesOf<S extends KernelSpec> =
  S extends KernelSpec<infer B, infer P, infer E, infer C, infer K, infer O, infer F>
    ? { letters: LettersOf<B>; params: P; extras: E; conditions: C; constants: K; overrides: O; defaults: F }
    : never;

/** Operands of a kernel by name: a T for a tensor, a P for a packed matrix. */
export type TensorsOf<S extends KernelSpec, T = Tensor, P = PackedMatrix> = {
  readonly [K in keyof S['bindings']]: OperandOf<S['bindings'][K], T, P>;
};

type OperandOf<B, T, P> = B extends PackedBinding ? P : T;

/** Scalars that the caller gives: params that no tensor's shape determines, and extras. Those with defaults may be left out. */
export type ScalarsOf<S extends KernelSpec> = Flat<
  { readonly [K in Exclude<ScalarNames<S>, NamesOf<S>['defaults']>]: number } & {
    readonly [K in NamesOf<S>['defaults']]?: number;
  }
>;

/** Writes an intersection of objects as one. */
type Flat<T> = { [K in keyof T]: T[K] };

type ScalarNames<S extends KernelSpec> = Exclude<NamesOf<S>['params'], NamesOf<S>['letters']> | NamesOf<S>['extras'];

/** Sizes, scalars and constants by name, as `cost` takes them. */
export type DimsOf<S extends KernelSpec> = {
  readonly [K in NamesOf<S>['letters'] | ScalarNames<S> | NamesOf<S>['constants']]?: number;
};
