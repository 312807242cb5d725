// The safetensors reader on valid and hostile files: a file is read exactly, or refused with its path, tensor and
// numbers. Files are written by the tests, byte by byte.
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openSafetensors } from '../../src/formats/safetensors.ts';
import { parseSafetensorsHeader, SafetensorsError } from '../../src/formats/safetensors-header.ts';
import { errorOf } from '../support/error-of.ts';
import { safetensorsBytes } from '../support/models/safetensors-bytes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function writeFile(bytes: Uint8Array): string {
  const path = join(temporaryDirectory(), 'model.safetensors');
  writeFileSync(path, bytes);
  return path;
}

/** Message of the refusal of a file with these bytes, without its path. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const path = writeFile(bytes);
  const error = await errorOf(() => openSafetensors(path));
  if (!(error instanceof SafetensorsError)) throw error;
  expect(error.message.startsWith(`${path}: `)).toBe(true);
  expect(error.message).not.toContain('\n');
  return error.message.slice(path.length + 2);
}

const entry = (data_offsets: unknown, shape: unknown = [2], dtype: unknown = 'F32') => ({ dtype, shape, data_offsets });

describe('a valid file', () => {
  const header = {
    __metadata__: { format: 'pt' },
    bytes: entry([0, 3], [3], 'U8'),
    unaligned: entry([3, 11]),
    scalar: entry([11, 19], [], 'I64'),
    empty: entry([11, 11], [0, 7]),
  };
  const data = Uint8Array.from({ length: 19 }, (_, i) => i);

  test('lists its tensors and metadata', async () => {
    await using file = await openSafetensors(writeFile(safetensorsBytes(header, data)));
    expect([...file.tensors.values()]).toEqual([
      { name: 'bytes', dtype: 'U8', shape: [3], byteOffset: 0, byteLength: 3 },
      { name: 'unaligned', dtype: 'F32', shape: [2], byteOffset: 3, byteLength: 8 },
      { name: 'scalar', dtype: 'I64', shape: [], byteOffset: 11, byteLength: 8 },
      { name: 'empty', dtype: 'F32', shape: [0, 7], byteOffset: 11, byteLength: 0 },
    ]);
    expect([...file.metadata]).toEqual([['format', 'pt']]);
  });

  test('gives any byte range of a tensor and refuses one that leaves it', async () => {
    await using file = await openSafetensors(writeFile(safetensorsBytes(header, data)));
    const tensor = file.tensors.get('unaligned')!;
    const out = new Uint8Array(5);
    await file.read(tensor, 2, out);
    expect([...out]).toEqual([5, 6, 7, 8, 9]);
    await expect(file.read(tensor, 4, out)).rejects.toThrow('start is 4, expected 0 to 3 for 5 bytes of unaligned');
    await expect(file.read(tensor, -1, out)).rejects.toThrow('start is -1');
  });

  test('may be closed twice', async () => {
    const file = await openSafetensors(writeFile(safetensorsBytes(header, data)));
    await file.close();
    await file.close();
  });

  test('may have no tensors, padding after the header and a symbolic link for a name', async () => {
    const path = writeFile(safetensorsBytes('{}      '));
    symlinkSync(path, `${path}.link`);
    await using file = await openSafetensors(`${path}.link`);
    expect(file.tensors.size).toBe(0);
  });

  test('may name a tensor __proto__ or constructor', async () => {
    const text =
      '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"constructor":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}';
    await using file = await openSafetensors(writeFile(safetensorsBytes(text, 2)));
    expect([...file.tensors.keys()]).toEqual(['__proto__', 'constructor']);
  });

  test('that is shortened while open gives an error that says where', async () => {
    const path = writeFile(safetensorsBytes(header, data));
    await using file = await openSafetensors(path);
    truncateSync(path, 20);
    const read = file.read(file.tensors.get('unaligned')!, 0, new Uint8Array(8));
    await expect(read).rejects.toThrow('file is cut at');
  });
});

describe('the file is refused', () => {
  test('when it is missing, a directory or a loop of links', async () => {
    const dir = temporaryDirectory();
    const path = join(dir, 'model.safetensors');
    await expect(openSafetensors(path)).rejects.toThrow(`${path}: file is missing, expected a safetensors file`);
    mkdirSync(path);
    await expect(openSafetensors(path)).rejects.toThrow(`${path}: file is a directory, expected a safetensors file`);
    symlinkSync('loop', join(dir, 'loop'));
    await expect(openSafetensors(join(dir, 'loop'))).rejects.toThrow('file is unreadable (ELOOP)');
  });

  test('when it is shorter than the header length', async () => {
    expect(await refusal(new Uint8Array(7))).toBe('file is 7 bytes long, expected at least the 8 of the header length');
  });

  test('when the header length is beyond the file', async () => {
    const bytes = safetensorsBytes('{}').slice(0, 9);
    expect(await refusal(bytes)).toBe('header length is 2, expected at most the remaining 1 byte');
  });

  test.each([100_000_001n, 2n ** 53n + 1n, 2n ** 64n - 1n])('when the header length is %d', async (length) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    expect(await refusal(bytes)).toBe(`header length is ${length}, expected at most 100000000 bytes`);
  });

  test('when the header is not UTF-8', async () => {
    const bytes = safetensorsBytes('{"é":1}');
    bytes[bytes.indexOf(0xc3)] = 0xff;
    expect(await refusal(bytes)).toBe('header is not UTF-8, expected a JSON object');
  });

  test.each(['', '{', 'x\ny', '{"a":1}}', '\ufeff{}', '{"\\u00":1}', '"'])('when the header is %j', async (text) => {
    expect(await refusal(safetensorsBytes(text))).toBe('header is not JSON, expected a JSON object');
  });

  test.each(['[]', 'null', '3', '"{}"'])('when the header is %s instead of an object', async (text) => {
    expect(await refusal(safetensorsBytes(text))).toBe(
      `header is ${JSON.stringify(JSON.parse(text))}, expected a JSON object`,
    );
  });

  test('when the header is nested without end', async () => {
    const text = `{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`;
    expect(await refusal(safetensorsBytes(text))).toBe('header is nested deeper, expected at most 64 levels');
  });

  test('when a tensor is given twice, however its name is spelled', async () => {
    const one = JSON.stringify(entry([0, 8]));
    const text = `{"a":${one}, "\\u0061" : ${one}}`;
    expect(await refusal(safetensorsBytes(text, 8))).toBe('key "a" is given twice, expected once');
  });

  test('when a key of an entry is given twice', async () => {
    const text = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"shape":[2]}}';
    expect(await refusal(safetensorsBytes(text, 8))).toBe('key "a"."shape" is given twice, expected once');
  });

  test.each([
    ['a list', [], '__metadata__ is [], expected an object of strings'],
    ['not of strings', { a: 1 }, '__metadata__ "a" is 1, expected a string'],
  ])('when __metadata__ is %s', async (_, metadata, message) => {
    expect(await refusal(safetensorsBytes({ __metadata__: metadata }))).toBe(message);
  });

  const sizes = 'a list of non-negative safe integers';
  test.each([
    ['an entry is no object', 7, 'entry is 7, expected an object with dtype, shape and data_offsets'],
    ['dtype is missing', { shape: [2], data_offsets: [0, 8] }, 'dtype is missing, expected text'],
    ['dtype is no string', entry([0, 8], [2], ['F32']), 'dtype is ["F32"], expected text'],
    ['shape is missing', { dtype: 'F32', data_offsets: [0, 8] }, `shape is missing, expected ${sizes}`],
    ['shape is no list', entry([0, 8], 2), `shape is 2, expected ${sizes}`],
    ['a size is negative', entry([0, 8], [-2, -1]), `shape is [-2,-1], expected ${sizes}`],
    ['a size is a fraction', entry([0, 8], [0.5, 4]), `shape is [0.5,4], expected ${sizes}`],
    ['a size is above 2^53', entry([0, 8], [2 ** 53]), `shape is [${2 ** 53}], expected ${sizes}`],
    ['a size is a string', entry([0, 8], ['2']), `shape is ["2"], expected ${sizes}`],
    [
      'the product of sizes is not safe',
      entry([0, 8], [2 ** 27, 2 ** 26]),
      'shape is [134217728,67108864], expected fewer than 2^53 bytes',
    ],
    ['offsets are missing', { dtype: 'F32', shape: [2] }, 'data_offsets is missing, expected two'],
    ['there is one offset', entry([8]), 'data_offsets is [8], expected two'],
    ['there are three offsets', entry([0, 8, 8]), 'data_offsets is [0,8,8], expected two'],
    ['an offset is negative', entry([-8, 0]), 'data_offsets is [-8,0], expected two'],
    [
      'an offset is above 2^53',
      entry([2 ** 53, 2 ** 53 + 8]),
      'data_offsets is [9007199254740992,9007199254741000], expected two',
    ],
    ['offsets descend', entry([8, 0]), 'data_offsets is [8,0], expected two integers in ascending order'],
    [
      'offsets are beyond the data',
      entry([4, 12]),
      'data_offsets is [4,12], expected an end within the 8 bytes of data',
    ],
    ['offsets do not match the shape', entry([0, 4]), 'data_offsets is [0,4], expected 8 bytes for F32 of shape [2]'],
    ['offsets do not match the dtype', entry([0, 8], [2], 'F16'), 'data_offsets is [0,8], expected 4 bytes for F16'],
  ])('when %s', async (_, value, message) => {
    expect(await refusal(safetensorsBytes({ w: value }, 8))).toContain(`tensor "w": ${message}`);
  });

  test('when the data is shorter than the offsets say', async () => {
    const bytes = safetensorsBytes({ w: entry([0, 8]) }, 7);
    expect(await refusal(bytes)).toContain(
      'tensor "w": data_offsets is [0,8], expected an end within the 7 bytes of data',
    );
  });

  test('when tensors overlap', async () => {
    const bytes = safetensorsBytes({ a: entry([0, 8]), b: entry([4, 12]) }, 12);
    expect(await refusal(bytes)).toBe('tensor "b": begin of data_offsets is 4, expected 8, where "a" ends');
  });

  test('when there is a hole before or between tensors', async () => {
    expect(await refusal(safetensorsBytes({ a: entry([1, 9]) }, 9))).toContain(
      'tensor "a": begin of data_offsets is 1, expected 0, where the data starts',
    );
    const bytes = safetensorsBytes({ b: entry([9, 17]), a: entry([0, 8]) }, 17);
    expect(await refusal(bytes)).toContain('tensor "b": begin of data_offsets is 9, expected 8');
  });

  test('when data is left over', async () => {
    const bytes = safetensorsBytes({ a: entry([0, 8]) }, 10);
    expect(await refusal(bytes)).toBe('data is 10 bytes, expected the 8 bytes of its tensors');
  });

  test('with a message that stays short and on one line for hostile names', async () => {
    const message = await refusal(safetensorsBytes({ [`a\n${'b'.repeat(1e5)}`]: 7 }));
    expect(message.length).toBeLessThan(300);
  });

  test('with its path, tensor and numbers as fields', async () => {
    const path = writeFile(safetensorsBytes({ a: entry([1, 9]) }, 9));
    const error = await errorOf(() => openSafetensors(path));
    expect(error).toMatchObject({ path, tensor: 'a', subject: 'begin of data_offsets', found: 1 });
  });
});

describe('whatever a header holds, it parses or throws a SafetensorsError', () => {
  const parse = (bytes: Uint8Array) => {
    try {
      parseSafetensorsHeader('file', bytes, 19);
    } catch (error) {
      if (!(error instanceof SafetensorsError)) throw error;
    }
  };
  const valid = Buffer.from(
    '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[11],"data_offsets":[8,19]}}',
  );

  test('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), parse), { seed: 1, numRuns: 500 });
  });

  test('random JSON in the place of any value', () => {
    const values = fc.record({
      a: fc.jsonValue(),
      b: fc.record({ dtype: fc.jsonValue(), shape: fc.jsonValue(), data_offsets: fc.jsonValue() }),
    });
    fc.assert(
      fc.property(values, (value) => parse(Buffer.from(JSON.stringify(value)))),
      { seed: 2, numRuns: 500 },
    );
  });

  test('a valid header with bytes changed, removed or inserted', () => {
    parseSafetensorsHeader('file', valid, 19);
    const edit = fc.record({
      at: fc.nat(valid.length - 1),
      remove: fc.nat(3),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 2 }),
        fc.string({ unit: fc.constantFrom(...'"{}[]:,\\019-'), maxLength: 3 }).map(Buffer.from),
      ),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let bytes: Buffer = valid;
        for (const { at, remove, insert } of edits) {
          bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]);
        }
        parse(bytes);
      }),
      { seed: 3, numRuns: 3000 },
    );
  });

  test('a valid file with bytes changed anywhere or cut short', async () => {
    const path = writeFile(new Uint8Array());
    const whole = safetensorsBytes(valid.toString(), 19);
    const changes = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(changes, fc.nat(whole.length), async (bytes, length) => {
        const mutated = whole.slice(0, length);
        for (const [at, byte] of bytes) if (at < length) mutated[at] = byte;
        writeFileSync(path, mutated);
        try {
          await using _ = await openSafetensors(path);
        } catch (error) {
          if (!(error instanceof SafetensorsError)) throw error;
        }
      }),
      { seed: 4, numRuns: 300 },
    );
  });
});
