// Tables of an architecture with a row for each position, such as rotary angles: the host computes them once, in its own floats,
// for a shader's sine and cosine have few exact bits.
import type { Tensor } from '../gpu/tensor.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';
import { type TensorTable, tensorOf } from './tensor-table.ts';

/** Lists the position tables of a model: [maxModelLen, columns] each. */
export function positionTableEntries(
  { positionTables }: ModelDefinition,
  { maxModelLen }: Pick<RuntimeSizes, 'maxModelLen'>,
): TensorTable<string> {
  return Object.fromEntries(
    positionTables.map(({ name, columns }) => [name, { label: name, dtype: 'f32', shape: [maxModelLen, columns] }]),
  );
}

/** Computes the position tables of a model into their tensors. */
export function fillPositionTables(
  { positionTables }: ModelDefinition,
  tensors: Readonly<Record<string, Tensor>>,
): void {
  for (const { name, compute } of positionTables) {
    const tensor = tensorOf('position table', tensors, name);
    tensor.write(compute(tensor.shape[0] ?? 0));
  }
}
