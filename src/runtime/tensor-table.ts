// Tables of tensors by name: one list from which they are counted, made and typed.
import type { DType, Tensor } from '../gpu/tensor.ts';
import { RangeValueError } from '../util/errors.ts';

/** Description of a tensor before it is made; its elements take one word each. */
export interface TensorEntry {
  readonly label: string;
  readonly dtype: Exclude<DType, 'f16'>;
  readonly shape: readonly number[];
}

/** Tensors by name, in the order in which they are made. */
export type TensorTable<Names extends string> = Readonly<Record<Names, TensorEntry>>;

/** Makes every tensor of a table. */
export function makeTensors<Names extends string>(
  table: TensorTable<Names>,
  make: (entry: TensorEntry) => Tensor,
): Readonly<Record<Names, Tensor>>;
export function makeTensors(
  table: TensorTable<string>,
  make: (entry: TensorEntry) => Tensor,
): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(Object.entries(table).map(([name, entry]) => [name, make(entry)]));
}

/** Returns the tensor of a name. @param kind what the tensors are, for the error. @throws RangeValueError for an unknown name. */
export function tensorOf(kind: string, tensors: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const tensor = new Map(Object.entries(tensors)).get(name);
  if (tensor) return tensor;
  throw new RangeValueError(kind, name, `one of ${Object.keys(tensors).join(', ')}`);
}

/** Counts the 32-bit words of a tensor: one an element. */
export function wordsOf({ shape }: TensorEntry): number {
  return shape.reduce((product, size) => product * size, 1);
}
