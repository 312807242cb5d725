// The GGUF reader on files that are wrong in one place: each is refused with its path and what is wrong, on one short line.
import { mkdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GGUFError } from '../../../src/formats/gguf/gguf-error.ts';
import { openGGUF } from '../../../src/formats/gguf/gguf-file.ts';
import { errorOf } from '../../support/error-of.ts';
import {
  entry,
  ggufBytes,
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
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const { F32, Q4_0 } = TENSOR_TYPE;

/** Message of the refusal of a file with these bytes, without its path. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const path = writeGGUF(bytes);
  const error = await errorOf(() => openGGUF(path));
  if (!(error instanceof GGUFError)) throw error;
  expect(error.message.startsWith(`${path}: `)).toBe(true);
  expect(error.message).not.toContain('\n');
  expect(error.message.length).toBeLessThan(path.length + 400);
  return error.message.slice(path.length + 2);
}

describe('the file is refused', () => {
  test('when it is missing or a directory', async () => {
    const path = join(temporaryDirectory(), 'model.gguf');
    await expect(openGGUF(path)).rejects.toThrow(`${path}: file is missing, expected a GGUF file`);
    mkdirSync(path);
    await expect(openGGUF(path)).rejects.toThrow(`${path}: file is a directory, expected a GGUF file`);
  });

  const valid = ggufBytes(THREE_TENSORS);
  const huge = 2n ** 60n;
  const text60 = Buffer.concat([u64(huge), Buffer.from('abc')]);
  const one = tensorEntry('w', [8], F32, 0);
  const list = (type: number, length: number | bigint) => Buffer.concat([u32(type), u64(length)]);
  const room = 'which the rest of the file has room for';
  test.each<[string, Uint8Array, string]>([
    ['it is empty', new Uint8Array(), 'file is 0 bytes long, expected at least the 24 of magic, version and counts'],
    ['its magic is another', ggufBytes({ magic: 'GGML' }), 'magic is "GGML", expected "GGUF"'],
    ['its version is 1', ggufBytes({ version: u32(1) }), 'version is 1, expected 2 or 3'],
    ['its version is later', ggufBytes({ version: u32(4) }), 'version is 4, expected 2 or 3'],
    ['it is big-endian', ggufBytes({ version: u32(3).reverse() }), 'byte order is big-endian, expected little-endian'],
    [
      'it claims 2^60 keys',
      ggufBytes({ numKeys: huge }),
      `number of metadata keys is ${huge}, expected at most 0, ${room}`,
    ],
    [
      'it claims 2^64 - 1 tensors',
      ggufBytes({ numTensors: 2n ** 64n - 1n, data: 48 }),
      `number of tensors is 18446744073709551615, expected at most 2, ${room}`,
    ],
    [
      'it has too many keys',
      ggufBytes({ numKeys: 70_000, data: 2 ** 20 }),
      'number of metadata keys is 70000, expected at most 65536',
    ],
    [
      'a key leaves the file',
      ggufBytes({ keys: [text60], data: 8 }),
      `metadata key 0 is ${huge} bytes long, expected at most 65535`,
    ],
    [
      'a key is cut',
      ggufBytes({ keys: [Buffer.concat([u64(10), Buffer.alloc(8)])] }),
      'metadata key 0 is 10 bytes long, expected at most the 8 that are left of the file',
    ],
    [
      'a key is no UTF-8',
      ggufBytes({ keys: [Buffer.concat([text(Uint8Array.of(255)), u32(0), u8(1)])] }),
      'metadata key 0 is "�", not UTF-8, expected UTF-8',
    ],
    [
      'a key is given twice',
      ggufBytes({ keys: [keyOf('k', 1), keyOf('k', 2)] }),
      'key "k" is given twice, expected once',
    ],
    [
      'a text leaves the file',
      ggufBytes({ keys: [entry('k', TYPE.string, text60)] }),
      `key "k" is ${huge} bytes long, expected at most 100000000`,
    ],
    [
      'a type is unknown',
      ggufBytes({ keys: [entry('k', 13, u8(0))] }),
      'type of key "k" is 13, expected a type from 0 to 12',
    ],
    [
      'a type of a list is unknown',
      ggufBytes({ keys: [entry('k', TYPE.array, list(99, 0))] }),
      'type of key "k" is 99, expected a type from 0 to 12',
    ],
    [
      'a boolean is 2',
      ggufBytes({ keys: [entry('k', TYPE.bool, u8(2))] }),
      'key "k" is a boolean of 2, expected 0 or 1',
    ],
    [
      'a value is cut',
      ggufBytes({ keys: [entry('key', TYPE.u64, u8(0))] }),
      'key "key" is 8 bytes long, expected at most the 1 that are left of the file',
    ],
    [
      'a list is nested',
      ggufBytes({ keys: [entry('k', TYPE.array, list(TYPE.array, 1))] }),
      'key "k" is a list of lists, expected a list of numbers or texts',
    ],
    [
      'a list has 2^60 numbers',
      ggufBytes({ keys: [entry('k', TYPE.array, list(TYPE.u64, huge))] }),
      `length of key "k" is ${huge}, expected at most 0, ${room}`,
    ],
    [
      'a list has more texts than bytes',
      ggufBytes({ keys: [entry('k', TYPE.array, list(TYPE.string, 1000))], data: 16 }),
      'length of key "k" is 1000, expected at most',
    ],
    [
      'general.alignment is 7',
      ggufBytes({ keys: [keyOf('general.alignment', 7)] }),
      'general.alignment is 7, expected a power of two up to 65536',
    ],
    [
      'general.alignment is 0',
      ggufBytes({ keys: [keyOf('general.alignment', 0)] }),
      'general.alignment is 0, expected a power of two',
    ],
    [
      'general.alignment is a text',
      ggufBytes({ keys: [keyOf('general.alignment', '32')] }),
      'general.alignment is "32", expected a power of two',
    ],
    [
      'a tensor is given twice',
      ggufBytes({ tensors: [one, one], data: 64 }),
      'tensor "w": entry is given twice, expected once',
    ],
    [
      'a name of a tensor is too long',
      ggufBytes({ tensors: [tensorEntry('n'.repeat(65), [1], F32, 0)], data: 4 }),
      'name of tensor 0 is 65 bytes long, expected at most 64',
    ],
    [
      'a tensor has five dimensions',
      ggufBytes({ tensors: [tensorEntry('w', [1, 1, 1, 1, 1], F32, 0)], data: 4 }),
      'tensor "w": number of dimensions is 5, expected at most 4',
    ],
    [
      'a tensor entry is cut',
      ggufBytes({ tensors: [one.subarray(0, -8)], numTensors: 1 }),
      'entry of tensor "w" is 20 bytes long, expected at most the 12 that are left of the file',
    ],
    [
      'a type is known but not read',
      ggufBytes({ tensors: [tensorEntry('w', [256], 10, 0)], data: 84 }),
      'tensor "w": type is Q2_K, expected one of F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K',
    ],
    [
      'a type of a tensor is unknown',
      ggufBytes({ tensors: [tensorEntry('w', [256], 4, 0)], data: 84 }),
      'tensor "w": type is type 4, expected one of F32',
    ],
    [
      'a size is 2^60',
      ggufBytes({ tensors: [tensorEntry('w', [huge], F32, 0)], data: 4 }),
      `tensor "w": shape is [${huge}], expected fewer than 2^53 bytes`,
    ],
    [
      'sizes overflow beside a zero',
      ggufBytes({ tensors: [tensorEntry('w', [0, huge, huge], F32, 0)] }),
      'expected fewer than 2^53 bytes',
    ],
    [
      'rows are no whole blocks',
      ggufBytes({ tensors: [tensorEntry('w', [33, 32], Q4_0, 0)], data: 594 }),
      'tensor "w": shape is [32, 33], expected rows of a multiple of 32 for Q4_0',
    ],
    [
      'an offset is 2^64 - 1',
      ggufBytes({ tensors: [tensorEntry('w', [8], F32, 2n ** 64n - 1n)], data: 32 }),
      'tensor "w": offset is 18446744073709551615, expected fewer than 2^53 bytes',
    ],
    [
      'an offset is not aligned',
      ggufBytes({ tensors: [tensorEntry('w', [8], F32, 4)], data: 36 }),
      'tensor "w": offset is 4, expected 0, where the data starts',
    ],
    [
      'tensors overlap',
      ggufBytes({ tensors: [one, tensorEntry('v', [8], F32, 0)], data: 64 }),
      'tensor "v": offset is 0, expected 32, after the end of "w", in steps of 32',
    ],
    [
      'there is a hole',
      ggufBytes({ tensors: [one, tensorEntry('v', [8], F32, 64)], data: 96 }),
      'tensor "v": offset is 64, expected 32, after the end of "w", in steps of 32',
    ],
    [
      'the data is cut',
      valid.subarray(0, -1),
      'tensor "b": end is 68, expected at most the 67 bytes of data in the file',
    ],
    [
      'the padding before the data is cut',
      ggufBytes({ tensors: [one] }),
      'tensor "w": end is 32, expected at most the 0 bytes of data in the file',
    ],
    [
      'data is left over',
      ggufBytes({ tensors: [one], data: 65 }),
      'data is 65 bytes, expected the 32 bytes of its tensors',
    ],
  ])('when %s', async (_, bytes, message) => {
    expect(await refusal(bytes)).toContain(message);
  });

  test('with a message that stays short and on one line for hostile names', async () => {
    const name = `a\n${'b'.repeat(1e4)}`;
    expect(await refusal(ggufBytes({ keys: [keyOf(name, 1), keyOf(name, 2)] }))).toContain('given twice');
  });

  test('when its header does not end within the longest one, without reading it all', async () => {
    const path = writeGGUF(
      ggufBytes({ keys: [entry('k', TYPE.array, Buffer.concat([u32(TYPE.u8), u64(200_000_000)]))] }),
    );
    truncateSync(path, 2 ** 40); // a hole
    await expect(openGGUF(path)).rejects.toThrow(`length of key "k" is 200000000, expected at most`);
  });
});
