// Weights of a model as a table: for each tensor of the files its name, shape and role. Its place on the GPU, its bytes, and
// the numbers that a random model has in its place follow from that row.
import type { WeightOrder } from '../kernels/weights/weight-tiles.ts';
import { RangeValueError } from '../util/errors.ts';
import type { PartOf } from '../util/parts.ts';

/**
 * Role of a weight. `embedding` and `head` are [V, C] and cut into ranges of the vocabulary; `table` is read by row; `matrix`
 * and `bias` make a linear module; `gain` and `shift` make a norm.
 */
export type TensorRole = 'embedding' | 'head' | 'table' | 'matrix' | 'bias' | 'gain' | 'shift';

/** Tensor of a model's files. */
export interface TensorSpec {
  /** Canonical name: that in the files, without their prefix. */
  readonly name: string;
  /** Module by whose name layers ask for it. Matrices of one module stand side by side in one weight, as do its biases. */
  readonly module: string;
  readonly role: TensorRole;
  /** Shape in the files. */
  readonly shape: readonly number[];
  /** Order of a matrix in the files: `kn` is [in, out], the default, `nk` is [out, in], as in all that share a module. */
  readonly order?: WeightOrder;
  /** True where the columns of the parts of a module, all of one shape, alternate in its weight: one of each in turn. */
  readonly alternates?: boolean;
  /** True for a matrix whose product is added to the residual stream: the more layers, the smaller a random one is. */
  readonly residual?: boolean;
}

/** Tensor on the GPU, and those of the files that it is made of. */
export interface FusedTensor {
  /** Name of the one part, or of the module that several parts share. */
  readonly name: string;
  readonly module: string;
  readonly role: TensorRole;
  readonly parts: readonly TensorSpec[];
  /** [K, N] of a matrix, [C, V] of an embedding or a head; else the shape in the files. */
  readonly shape: readonly number[];
}

/** Roles whose tensors are stored as column tiles, of any storage type; others are f32. */
const TILED: ReadonlySet<TensorRole> = new Set(['embedding', 'head', 'matrix']);

/** Returns true for a tensor that is stored as column tiles. */
export function isTiled({ role }: Pick<TensorSpec, 'role'>): boolean {
  return TILED.has(role);
}

/** Joins the tensors of each module that are one on the GPU. @throws RangeValueError for several matrices that are `kn`. */
export function fuseTensors(specs: readonly TensorSpec[]): FusedTensor[] {
  const groups = Map.groupBy(specs, ({ module, role }) => `${role} ${module}`);
  return [...groups.values()].flatMap((parts) => {
    const [first] = parts;
    if (first === undefined) return [];
    const { module, role } = first;
    if (role === 'matrix' && parts.length > 1 && parts.some(({ order }) => order !== 'nk')) {
      throw new RangeValueError(`order of the matrices of ${module}`, 'kn', '"nk" for several');
    }
    return [{ name: parts.length === 1 ? first.name : module, module, role, parts, shape: fusedShape(parts, role) }];
  });
}

/**
 * Returns the place of a tensor of the files in the one that it is part of, in rows along its first dimension in the files: of an
 * `nk` matrix these are columns of the weight.
 */
export function placeOf(spec: TensorSpec, { parts }: FusedTensor): PartOf {
  const index = parts.findIndex(({ name }) => name === spec.name);
  if (spec.alternates) return { first: index, step: parts.length };
  return { first: parts.slice(0, index).reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0), step: 1 };
}

function fusedShape(parts: readonly TensorSpec[], role: TensorRole): readonly number[] {
  const shapes = parts.map(({ shape, order = 'kn' }) =>
    TILED.has(role) && (role !== 'matrix' || order === 'nk') ? shape.toReversed() : shape,
  );
  const [shape = []] = shapes;
  if (role === 'table') return shape;
  return [...shape.slice(0, -1), shapes.reduce((sum, part) => sum + (part.at(-1) ?? 0), 0)];
}

/**
 * Returns the length of the zeros that stand for the biases and shifts that a model lacks; every head lacks a bias.
 *
 * @param specs tensors outside the layers, and those of one layer.
 */
export function numZeros(vocabSize: number, specs: readonly TensorSpec[]): number {
  const fused = fuseTensors(specs);
  const has = (role: TensorRole, module: string) =>
    fused.some((tensor) => tensor.role === role && tensor.module === module);
  const lacking = fused.filter(
    ({ role, module }) => (role === 'matrix' && !has('bias', module)) || (role === 'gain' && !has('shift', module)),
  );
  return Math.max(vocabSize, ...lacking.map(({ shape }) => shape.at(-1) ?? 0));
}
