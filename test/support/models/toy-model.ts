// Toy checkpoints: weights that a test makes, written as their files have them, and the float64 forward pass over the same
// weights, which reads none of the toy's tables.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attention, layerNorm, matmulTransposed, relu } from '../../../src/reference/index.ts';
import { uniforms } from '../../../src/util/random-values.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { encodeSafetensors, type TensorBytes } from './safetensors-bytes.ts';

/** Sizes of a toy, as in its config.json. */
export interface ToySizes {
  readonly depth: number;
  readonly heads: number;
  readonly head_width: number;
  readonly width: number;
  readonly vocabulary: number;
  readonly places: number;
}

/** A tensor of a file. */
export interface ToyTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Makes weights of a toy under the names of its files. Gains differ, and logits are of the order of 1. */
export function toyTensors({ depth, heads, head_width, width: C, vocabulary, places }: ToySizes) {
  const A = heads * head_width;
  const tensors = new Map<string, ToyTensor>();
  const put = (name: string, shape: readonly number[], centre = 0) => {
    const data = uniforms(
      tensors.size,
      shape.reduce((product, size) => product * size),
    ).map((x) => centre + x / 2);
    tensors.set(name, { shape, data });
  };
  put('toy.tokens.table', [vocabulary, C]);
  put('toy.places.table', [places, C]);
  for (let layer = 0; layer < depth; layer++) {
    const name = `toy.blocks.${layer}`;
    put(`${name}.first.gain`, [C], 1);
    for (const part of ['query', 'key', 'value']) put(`${name}.look.${part}`, [A, C]);
    put(`${name}.look.down.matrix`, [C, A]);
    put(`${name}.think.up.matrix`, [3 * C, C]);
    put(`${name}.think.down.matrix`, [C, 3 * C]);
  }
  put('toy.last.gain', [C], 1);
  put('toy.answers.table', [vocabulary, C]);
  return tensors;
}

/** Writes the directory of a toy, with further keys of its configuration; it is removed when the test has finished. */
export function toyDirectory(
  sizes: ToySizes,
  tensors: ReadonlyMap<string, ToyTensor>,
  keys: Readonly<Record<string, unknown>> = {},
): string {
  const dir = temporaryDirectory();
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ model_type: 'toy', ...sizes, ...keys }));
  const bytes = [...tensors].map(([name, { shape, data }]): [string, TensorBytes] => {
    return [name, { dtype: 'F32', shape, data: new Uint8Array(data.buffer) }];
  });
  writeFileSync(join(dir, 'model.safetensors'), encodeSafetensors(new Map(bytes)));
  return dir;
}

/** Values of the reference over T tokens. */
export interface ToyValues {
  /** [T, V] */
  readonly logits: Float64Array;
  /** [T, C] of each layer: the residual stream after it. */
  readonly hidden: readonly Float64Array[];
  /** [T, C] of each layer: what attention adds to the residual stream. */
  readonly looked: readonly Float64Array[];
}

/** Computes the toy in float64, over one text. */
export function toyReference(
  { depth, heads: H, head_width: D, width: C }: ToySizes,
  tensors: ReadonlyMap<string, ToyTensor>,
  ids: readonly number[],
): ToyValues {
  const weight = (name: string) => Float64Array.from(tensors.get(`toy.${name}`)!.data);
  const T = ids.length;
  const times = (x: Float64Array, name: string) => {
    const [N = 0, K = 0] = tensors.get(`toy.${name}`)!.shape;
    return matmulTransposed(x, weight(name), { M: T, K, N });
  };
  const norm = (x: Float64Array, name: string) =>
    layerNorm(x, weight(name), new Float64Array(C), { M: T, C, epsilon: 1e-6 });
  const [tokens, places] = [weight('tokens.table'), weight('places.table')];
  let hidden = Float64Array.from({ length: T * C }, (_, i) => {
    return tokens[ids[Math.floor(i / C)]! * C + (i % C)]! + places[i]!;
  });
  const values: { readonly hidden: Float64Array[]; readonly looked: Float64Array[] } = { hidden: [], looked: [] };
  for (let layer = 0; layer < depth; layer++) {
    const name = `blocks.${layer}`;
    const x = norm(hidden, `${name}.first.gain`);
    const [q, k, v] = ['query', 'key', 'value'].map((part) => times(x, `${name}.look.${part}`));
    const seen = attention(q!, k!, v!, { T, context: T, H, D, scale: 1 / D });
    const looked = times(seen, `${name}.look.down.matrix`);
    const thought = times(relu(times(x, `${name}.think.up.matrix`)), `${name}.think.down.matrix`);
    hidden = hidden.map((value, i) => value + looked[i]! + thought[i]!);
    values.hidden.push(hidden);
    values.looked.push(looked);
  }
  return { ...values, logits: times(norm(hidden, 'last.gain'), 'answers.table') };
}
