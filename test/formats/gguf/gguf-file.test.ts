// The GGUF reader on valid and hostile files: a file is read exactly, or refused with its path and what is wrong. Files are
// written by the tests, byte by byte.
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GGUFError } from '../../../src/formats/gguf/gguf-error.ts';
import { openGGUF } from '../../../src/formats/gguf/gguf-file.ts';
import { errorOf } from '../../support/error-of.ts';
import {
  entry,
  f32,
  ggufBytes,
  i64,
  keyOf,
  TYPE,
  tensorEntry,
  text,
  u8,
  u32,
  u64,
} from '../../support/models/gguf-bytes.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

function writeFile(bytes: Uint8Array): string {
  const path = join(temporaryDirectory(), 'model.gguf');
  writeFileSync(path, bytes);
  return path;
}

/** Message of the refusal of a file with these bytes, without its path. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const path = writeFile(bytes);
  const error = await errorOf(() => openGGUF(path));
  if (!(error instanceof GGUFError)) throw error;
  expect(error.message.startsWith(`${path}: `)).toBe(true);
  expect(error.message).not.toContain('\n');
  expect(error.message.length).toBeLessThan(path.length + 400);
  return error.message.slice(path.length + 2);
}

const [F32, F16, Q4_0] = [0, 1, 2];
/** Three tensors, an empty one among them, and their data. */
const tensors = [
  tensorEntry('a', [3], F32, 0),
  tensorEntry('empty', [0, 7], F16, 32),
  tensorEntry('b', [32, 2], Q4_0, 32),
];
const data = Uint8Array.from({ length: 32 + 36 }, (_, i) => i);

describe('a valid file', () => {
  test.each([2, 3])('of version %d lists its tensors, slowest dimension first', async (version) => {
    await using file = await openGGUF(writeFile(ggufBytes({ version: u32(version), tensors, data })));
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
    await using file = await openGGUF(writeFile(ggufBytes({ keys })));
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
    await using file = await openGGUF(writeFile(ggufBytes({ tensors, data })));
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
    await using file = await openGGUF(writeFile(bytes));
    const out = new Uint8Array(4);
    await file.read(file.tensors.get('b')!, 0, out);
    expect([...out]).toEqual([...f32(7)]);
  });

  test('may have a header longer than what is read at a time', async () => {
    const words = Array.from({ length: 100_000 }, (_, i) => `token ${i}`);
    const long = 'x'.repeat(3e6);
    const bytes = ggufBytes({ keys: [keyOf('words', words), keyOf('long', long)], tensors, data });
    await using file = await openGGUF(writeFile(bytes));
    expect(file.metadata.get('words')).toEqual(words);
    expect(file.metadata.get('long')).toBe(long);
    expect(file.tensors.size).toBe(3);
  });

  test('may use names of JavaScript for its keys and tensors', async () => {
    const keys = [keyOf('__proto__', ['x']), keyOf('constructor', 1)];
    const bytes = ggufBytes({ keys, tensors: [tensorEntry('__proto__', [1], F32, 0)], data: 4 });
    await using file = await openGGUF(writeFile(bytes));
    expect([...file.metadata]).toEqual([
      ['__proto__', ['x']],
      ['constructor', 1],
    ]);
    expect([...file.tensors.keys()]).toEqual(['__proto__']);
  });

  test('may be closed twice, and says where it was cut while open', async () => {
    const path = writeFile(ggufBytes({ tensors, data }));
    const file = await openGGUF(path);
    truncateSync(path, 20);
    await expect(file.read(file.tensors.get('b')!, 0, new Uint8Array(8))).rejects.toThrow('file is cut at');
    await file.close();
    await file.close();
  });
});

describe('the file is refused', () => {
  test('when it is missing or a directory', async () => {
    const path = join(temporaryDirectory(), 'model.gguf');
    await expect(openGGUF(path)).rejects.toThrow(`${path}: file is missing, expected a GGUF file`);
    mkdirSync(path);
    await expect(openGGUF(path)).rejects.toThrow(`${path}: file is a directory, expected a GGUF file`);
  });

  const valid = ggufBytes({ tensors, data });
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
    const path = writeFile(
      ggufBytes({ keys: [entry('k', TYPE.array, Buffer.concat([u32(TYPE.u8), u64(200_000_000)]))] }),
    );
    truncateSync(path, 2 ** 40); // a hole
    await expect(openGGUF(path)).rejects.toThrow(`length of key "k" is 200000000, expected at most`);
  });
});

describe('whatever a file holds, it opens or throws a GGUFError', () => {
  /** Returns true for a file that opens, false for one that is refused. */
  const open = async (bytes: Uint8Array, path: string): Promise<boolean> => {
    writeFileSync(path, bytes);
    try {
      await using _ = await openGGUF(path);
      return true;
    } catch (error) {
      if (!(error instanceof GGUFError)) throw error;
      expect(error.message).not.toContain('\n');
      return false;
    }
  };
  const keys = [
    keyOf('general.architecture', 'llama'),
    keyOf('llama.block_count', 2),
    keyOf('tokenizer.ggml.tokens', ['a', 'b', 'é']),
    keyOf('tokenizer.ggml.scores', [0.5, 1.5]),
    keyOf('flag', true),
  ];
  const valid = ggufBytes({ keys, tensors, data });

  test('random bytes after a valid beginning', async () => {
    const path = writeFile(valid);
    const tails = fc.uint8Array({ maxLength: 100 });
    await fc.assert(
      fc.asyncProperty(tails, async (tail) => {
        await open(Buffer.concat([valid.subarray(0, 24), tail]), path);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test('a valid file with bytes changed, removed or inserted', async () => {
    const path = writeFile(valid);
    expect(await open(valid, path)).toBe(true);
    const edit = fc.record({
      at: fc.nat(valid.length - 1),
      remove: fc.nat(3),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 2 }),
        fc.constantFrom(0, 1, 2 ** 31, 2n ** 53n, 2n ** 60n, 2n ** 63n, 2n ** 64n - 1n).map(u64),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        let bytes: Buffer = valid;
        for (const { at, remove, insert } of edits) {
          bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
        }
        await open(bytes, path);
      }),
      { seed: 2, numRuns: 2000 },
    );
  });

  test('every byte of a header set to 0, 255 and its complement', async () => {
    const path = writeFile(valid);
    const outcomes = new Set<boolean>();
    for (let at = 0; at < valid.length - data.length; at++) {
      for (const byte of [0, 255, ~valid[at]! & 255]) {
        const bytes = Buffer.from(valid);
        bytes[at] = byte;
        outcomes.add(await open(bytes, path));
      }
    }
    expect(outcomes).toEqual(new Set([true, false]));
  });

  test('a valid file cut anywhere, which is always refused', async () => {
    const path = writeFile(valid);
    for (let length = 0; length < valid.length; length++) {
      expect([length, await open(valid.subarray(0, length), path)]).toEqual([length, false]);
    }
  });

  test('a real file with a byte of its header changed', async () => {
    const path = writeFile(valid);
    const whole = readFileSync('test/fixtures/gguf/llama3-q8_0.gguf');
    const headerBytes = 12_000;
    await fc.assert(
      fc.asyncProperty(fc.nat(headerBytes), fc.nat(255), async (at, byte) => {
        const bytes = Buffer.from(whole);
        bytes[at] = byte;
        await open(bytes, path);
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});
