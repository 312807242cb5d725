// The GGUF reader on valid files: tensors, metadata and byte ranges are read exactly. Files are written by the tests, byte by byte.
import { truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openGGUF } from '../../../src/formats/gguf/gguf-file.ts';
import {
  entry,
  f32,
  ggufBytes,
  i64,
  keyOf,
  TENSOR_TYPE,
  THREE_TENSORS,
  TYPE,
  tensorEntry,
  text,
  u8,
  u32,
  u64,
  writeGGUF,
} from '../../support/models/gguf-bytes.ts';

const { F32 } = TENSOR_TYPE;

describe('a valid file', () => {
  test.each([2, 3])('of version %d lists its tensors, slowest dimension first', async (version) => {
    await using file = await openGGUF(writeGGUF(ggufBytes({ version: u32(version), ...THREE_TENSORS })));
    expect([...file.tensors.values()]).toEqual([
      { name: 'a', type: expect.objectContaining({ name: 'F32' }), shape: [3], byteOffset: 0, byteLength: 12 },
      { name: 'empty', type: expect.objectContaining({ name: 'F16' }), shape: [7, 0], byteOffset: 32, byteLength: 0 },
      { name: 'b', type: expect.objectContaining({ name: 'Q4_0' }), shape: [2, 32], byteOffset: 32, byteLength: 36 },
    ]);
  });

  test('lists its metadata, each value in its type', async () => {
    const list = (type: number, length: number, ...values: Uint8Array[]) =>
      Buffer.concat([u32(type), u64(length), ...values]);
    const keys = [
      entry('text', TYPE.string, text('é\n')),
      entry('half', TYPE.f32, f32(0.5)),
      entry('yes', TYPE.bool, u8(1)),
      entry('small', TYPE.u64, u64(2n ** 53n - 1n)),
      entry('large', TYPE.u64, u64(2n ** 64n - 1n)),
      entry('minus', TYPE.i64, i64(-5)),
      entry('texts', TYPE.array, list(TYPE.string, 2, text('a'), text(''))),
      entry('scores', TYPE.array, list(TYPE.f32, 2, f32(1), f32(-2))),
      entry('bits', TYPE.array, list(TYPE.bool, 2, u8(1), u8(0))),
      entry('none', TYPE.array, list(TYPE.string, 0)),
    ];
    await using file = await openGGUF(writeGGUF(ggufBytes({ keys })));
    expect([...file.metadata]).toEqual([
      ['text', 'é\n'],
      ['half', 0.5],
      ['yes', true],
      ['small', 2 ** 53 - 1],
      ['large', 2n ** 64n - 1n],
      ['minus', -5],
      ['texts', ['a', '']],
      ['scores', Float32Array.of(1, -2)],
      ['bits', Uint8Array.of(1, 0)],
      ['none', []],
    ]);
  });

  test('gives any byte range of a tensor and refuses one that leaves it', async () => {
    await using file = await openGGUF(writeGGUF(ggufBytes(THREE_TENSORS)));
    const tensor = file.tensors.get('b')!;
    const out = new Uint8Array(5);
    await file.read(tensor, 2, out);
    expect([...out]).toEqual([34, 35, 36, 37, 38]);
    await expect(file.read(tensor, 32, out)).rejects.toThrow('start is 32, expected 0 to 31 for 5 bytes of b');
    await expect(file.read(tensor, -1, out)).rejects.toThrow('start is -1');
  });

  test('places its data by general.alignment', async () => {
    const keys = [keyOf('general.alignment', 8)];
    const some = [tensorEntry('a', [3], F32, 0), tensorEntry('b', [1], F32, 16)];
    const bytes = ggufBytes({ keys, tensors: some, alignment: 8, data: Buffer.concat([Buffer.alloc(16), f32(7)]) });
    await using file = await openGGUF(writeGGUF(bytes));
    const out = new Uint8Array(4);
    await file.read(file.tensors.get('b')!, 0, out);
    expect([...out]).toEqual([...f32(7)]);
  });

  test('may have a header longer than what is read at a time', async () => {
    const words = Array.from({ length: 100_000 }, (_, i) => `token ${i}`);
    const long = 'x'.repeat(3e6);
    const bytes = ggufBytes({ keys: [keyOf('words', words), keyOf('long', long)], ...THREE_TENSORS });
    await using file = await openGGUF(writeGGUF(bytes));
    expect(file.metadata.get('words')).toEqual(words);
    expect(file.metadata.get('long')).toBe(long);
    expect(file.tensors.size).toBe(3);
  });

  test('may use names of JavaScript for its keys and tensors', async () => {
    const keys = [keyOf('__proto__', ['x']), keyOf('constructor', 1)];
    const bytes = ggufBytes({ keys, tensors: [tensorEntry('__proto__', [1], F32, 0)], data: 4 });
    await using file = await openGGUF(writeGGUF(bytes));
    expect([...file.metadata]).toEqual([
      ['__proto__', ['x']],
      ['constructor', 1],
    ]);
    expect([...file.tensors.keys()]).toEqual(['__proto__']);
  });

  test('may be closed twice, and says where it was cut while open', async () => {
    const path = writeGGUF(ggufBytes(THREE_TENSORS));
    const file = await openGGUF(path);
    truncateSync(path, 20);
    await expect(file.read(file.tensors.get('b')!, 0, new Uint8Array(8))).rejects.toThrow('file is cut at');
    await file.close();
    await file.close();
  });
});
