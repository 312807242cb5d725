// Quantized rows of GGUF files as the GPU stores them: the shader's formulas give the numbers of the file, bit for bit.
import { describe, expect, test } from 'vitest';
import { TENSOR_TYPES, type TensorType } from '../../src/formats/gguf/tensor-types.ts';
import { isWidened, quantizedRows, storageOfType } from '../../src/models/gguf-storage.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';

const QUANTS = readSafetensors('test/fixtures/gguf/quants.safetensors');

function typeOf(name: string): TensorType {
  const type = [...TENSOR_TYPES.values()].find((each) => each.name === name);
  if (type === undefined) throw new Error(name);
  return type;
}

/** Rows of the fixture of a type, and their numbers by the reference package. */
function fixture(name: string) {
  const { buffer } = Uint8Array.from(QUANTS.get(`${name}.bytes`)!);
  return { rows: quantizedRows(typeOf(name), buffer), values: QUANTS.get(`${name}.values`)! };
}

describe.each(['Q8_0', 'Q5_0'])('%s', (name) => {
  test('is exact as byte · scale', () => {
    const { rows, values } = fixture(name);
    if (rows.dtype !== 'q8_32') throw new Error(rows.dtype);
    const product = (_: unknown, i: number) => Math.fround(rows.values[i]! * rows.scales[i >> 5]!);
    expect(Array.from(rows.values, product)).toEqual(Array.from(values));
  });
});

describe.each(['Q4_0', 'Q4_1', 'Q4_K'])('%s', (name) => {
  test('is exact as nibble · scale − minimum, whether rounded once or after the product too', () => {
    const { rows, values } = fixture(name);
    if (rows.dtype !== 'q4') throw new Error(rows.dtype);
    const { scales, minimums } = rows;
    expect(rows.values.every((nibble) => nibble < 16)).toBe(true);
    for (const roundProduct of [(product: number) => product, Math.fround]) {
      const number = (nibble: number, i: number) =>
        Math.fround(roundProduct(nibble * scales[i >> 5]!) - minimums[i >> 5]!);
      const got = Array.from(rows.values, number);
      expect(got.findIndex((value, i) => value !== values[i])).toBe(-1);
    }
  });
});

test('every type has a storage, and those that grow in it are known', () => {
  const storage = Object.fromEntries([...TENSOR_TYPES.values()].map((type) => [type.name, storageOfType(type)]));
  expect(storage).toEqual({
    ...{ F32: 'f32', BF16: 'f32', F16: 'f16', Q8_0: 'q8_32', Q5_0: 'q8_32' },
    ...{ Q4_0: 'q4', Q4_1: 'q4', Q4_K: 'q4', Q5_1: 'f32', Q5_K: 'f32', Q6_K: 'f32' },
  });
  const widened = [...TENSOR_TYPES.values()].filter(isWidened).map(({ name }) => name);
  expect(widened.toSorted()).toEqual(['Q5_1', 'Q5_K', 'Q6_K']);
});

test.each(['Q6_K', 'F16'])('%s has no quantized rows', (name) => {
  expect(() => quantizedRows(typeOf(name), new ArrayBuffer(0))).toThrow(`type of quantized rows is "${name}"`);
});
