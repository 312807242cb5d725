// Numbers of quantized blocks, exact by the reference package's own: every type that is read, and no other.
import { describe, expect, test } from 'vitest';
import { decodeBlocks } from '../../../src/formats/gguf/decode.ts';
import { TENSOR_TYPES } from '../../../src/formats/gguf/tensor-types.ts';
import { openSafetensors } from '../../../src/formats/safetensors.ts';

const REFUSED = ['Q2_K', 'Q3_K', 'IQ4_NL', 'IQ4_XS'];
const QUANTS = 'test/fixtures/gguf/quants.safetensors';

describe('a row of', () => {
  const types = [...TENSOR_TYPES.values()].filter(({ name }) => name !== 'F32');

  test.each(types.map((type) => [type.name, type] as const))(
    '%s has the numbers of the reference',
    async (name, type) => {
      await using file = await openSafetensors(QUANTS);
      const bytes = new Uint8Array(file.tensors.get(`${name}.bytes`)!.byteLength);
      await file.read(file.tensors.get(`${name}.bytes`)!, 0, bytes);
      const want = new Float32Array(4 * 512);
      await file.read(file.tensors.get(`${name}.values`)!, 0, new Uint8Array(want.buffer));
      const got = new Float32Array(want.length);
      decodeBlocks(type, bytes.buffer, got);
      expect(got.findIndex((value, i) => !Object.is(value, want[i]))).toBe(-1);
      expect((bytes.length / type.blockBytes) * type.blockLength).toBe(want.length);
    },
  );

  test('every type of the fixture is read or refused', async () => {
    await using file = await openSafetensors(QUANTS);
    const names = new Set([...file.tensors.keys()].map((key) => key.split('.')[0]));
    expect(names).toEqual(new Set([...types.map(({ name }) => name), ...REFUSED]));
  });
});
