// Numbers of quantized blocks, exact by the reference package's own: every type that is read, and no other.
import { describe, expect, test } from 'vitest';
import { decodeBlocks } from '../../../src/formats/gguf/decode.ts';
import { TENSOR_TYPES } from '../../../src/formats/gguf/tensor-types.ts';
import { readSafetensors } from '../../support/models/read-safetensors.ts';

const REFUSED = ['Q2_K', 'Q3_K', 'IQ4_NL', 'IQ4_XS'];
const QUANTS = readSafetensors('test/fixtures/gguf/quants.safetensors');

describe('a row of', () => {
  const types = [...TENSOR_TYPES.values()].filter(({ name }) => name !== 'F32');

  test.each(types.map((type) => [type.name, type] as const))('%s has the numbers of the reference', (name, type) => {
    const bytes = Uint8Array.from(QUANTS.get(`${name}.bytes`)!);
    const want = QUANTS.get(`${name}.values`)!;
    expect((bytes.length / type.blockBytes) * type.blockLength).toBe(want.length);
    const got = new Float32Array(want.length);
    decodeBlocks(type, bytes.buffer, got);
    expect(got.findIndex((value, i) => value !== want[i])).toBe(-1);
  });

  test('every type of the fixture is read or refused', () => {
    const names = new Set([...QUANTS.keys()].map((key) => key.split('.')[0]));
    expect(names).toEqual(new Set([...types.map(({ name }) => name), ...REFUSED]));
  });
});
