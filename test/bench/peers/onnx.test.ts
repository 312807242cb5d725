// The ONNX model decoded field by field, by the numbers of onnx.proto.
import { expect, test } from 'vitest';
import { matmulModel } from '../../../bench/peers/onnx.ts';

type Field = number | Uint8Array;

/** The fields of a protobuf message by number, in order; nested messages stay bytes. */
function readMessage(bytes: Uint8Array): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): number => {
    let [value, factor, byte] = [0, 1, 128];
    for (; byte >= 128; factor *= 128) {
      byte = bytes[at++]!;
      value += (byte % 128) * factor;
    }
    return value;
  };
  while (at < bytes.length) {
    const key = varint();
    const value = varint();
    let field: Field = value;
    if (key % 8 === 2) {
      field = bytes.subarray(at, at + value);
      at += value;
    } else if (key % 8 !== 0) throw new Error(`wire type ${key % 8}`);
    fields.set(Math.floor(key / 8), [...(fields.get(Math.floor(key / 8)) ?? []), field]);
  }
  expect(at).toBe(bytes.length);
  return fields;
}

/** Follows field numbers down nested messages to the last one's values, bytes as text. */
function at(bytes: Uint8Array, ...path: readonly number[]): (number | string)[] {
  const [number = 0, ...rest] = path;
  const values = readMessage(bytes).get(number) ?? [];
  if (rest.length > 0) return values.flatMap((value) => (typeof value === 'number' ? [] : at(value, ...rest)));
  return values.map((value) => (typeof value === 'number' ? value : new TextDecoder().decode(value)));
}

// Sizes on both sides of a varint's bytes; field numbers of onnx.proto: a model's graph is 7, a graph's node 1,
// initializer 5, input 11, output 12; a value's type 2, its tensor 1, its shape 2, a dimension 1.
test.each([
  [1, 1],
  [3, 127],
  [128, 5],
  [2, 16384],
])('matmulModel is x[M, %i] · w[%i, N] with the weight inside', (K, N) => {
  const w = Float32Array.from({ length: K * N }, (_, i) => i / 7);
  const model = matmulModel(K, N, w);
  expect(at(model, 1)).toEqual([8]); // ir_version
  expect(at(model, 8, 2)).toEqual([17]); // opset
  expect(at(model, 7, 1, 4)).toEqual(['MatMul']);
  expect([at(model, 7, 1, 1), at(model, 7, 1, 2)]).toEqual([['x', 'w'], ['y']]);
  expect([at(model, 7, 11, 1), at(model, 7, 11, 2, 1, 1)]).toEqual([['x'], [1]]);
  expect([at(model, 7, 11, 2, 1, 2, 1, 2), at(model, 7, 11, 2, 1, 2, 1, 1)]).toEqual([['M'], [K]]);
  expect([at(model, 7, 12, 1), at(model, 7, 12, 2, 1, 1)]).toEqual([['y'], [1]]);
  expect([at(model, 7, 12, 2, 1, 2, 1, 2), at(model, 7, 12, 2, 1, 2, 1, 1)]).toEqual([['M'], [N]]);
  expect([at(model, 7, 5, 8), at(model, 7, 5, 1), at(model, 7, 5, 2)]).toEqual([['w'], [K, N], [1]]);
  const [graph] = readMessage(model).get(7) ?? [];
  const [weight] = graph instanceof Uint8Array ? (readMessage(graph).get(5) ?? []) : [];
  const [raw] = weight instanceof Uint8Array ? (readMessage(weight).get(9) ?? []) : [];
  expect(raw instanceof Uint8Array && new Float32Array(Uint8Array.from(raw).buffer)).toEqual(w);
});
