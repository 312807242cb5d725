// Metadata of a GGUF file: values by key, each with its own type in the file. Lists of numbers stay typed arrays, so that no file
// takes many times its length in memory.
import { quoteJson } from '../../util/model-file-error.ts';
import type { FieldReader } from './field-reader.ts';

/** List of numbers; of booleans, as bytes of 0 and 1. */
export type MetadataNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** Value of a key: an integer is a bigint only beyond 2^53. */
export type MetadataValue = boolean | number | bigint | string | readonly string[] | MetadataNumbers;

/** Metadata of a file by key. */
export type Metadata = ReadonlyMap<string, MetadataValue>;

/** Most keys of a file: published ones have fewer than 100. */
const MAX_KEYS = 65_536;
/** Longest key in bytes, by the format. */
const MAX_KEY_BYTES = 65_535;
/** Bytes of the shortest entry: an empty key, its type and a byte. */
const MIN_ENTRY_BYTES = 8 + 4 + 1;
/** Bytes of a length or a type. */
const [LENGTH_BYTES, TYPE_BYTES] = [8, 4];

const BOOL = 7;
const STRING = 8;
const ARRAY = 9;
/** Size in bytes of each type of numbers, and how a list of them is made of their bytes. */
const NUMBERS: ReadonlyMap<number, readonly [bytes: number, list: (data: ArrayBuffer) => MetadataNumbers]> = new Map([
  [0, [1, (data: ArrayBuffer) => new Uint8Array(data)]],
  [1, [1, (data: ArrayBuffer) => new Int8Array(data)]],
  [2, [2, (data: ArrayBuffer) => new Uint16Array(data)]],
  [3, [2, (data: ArrayBuffer) => new Int16Array(data)]],
  [4, [4, (data: ArrayBuffer) => new Uint32Array(data)]],
  [5, [4, (data: ArrayBuffer) => new Int32Array(data)]],
  [6, [4, (data: ArrayBuffer) => new Float32Array(data)]],
  [BOOL, [1, (data: ArrayBuffer) => new Uint8Array(data)]],
  [10, [8, (data: ArrayBuffer) => new BigUint64Array(data)]],
  [11, [8, (data: ArrayBuffer) => new BigInt64Array(data)]],
  [12, [8, (data: ArrayBuffer) => new Float64Array(data)]],
]);

/** Reads the number of entries, which stands apart from them. @throws GGUFError for more than the file has room for. */
export async function countMetadata(fields: FieldReader): Promise<number> {
  return await fields.count('number of metadata keys', MIN_ENTRY_BYTES, MAX_KEYS);
}

/**
 * Reads all entries.
 *
 * @throws GGUFError for a key that is given twice, an unknown type, a list of lists, and a value that leaves the file.
 */
export async function readMetadata(fields: FieldReader, numEntries: number): Promise<Metadata> {
  const metadata = new Map<string, MetadataValue>();
  for (let i = 0; i < numEntries; i++) {
    const key = await fields.text(`metadata key ${i}`, MAX_KEY_BYTES);
    const subject = `key ${quoteJson(key)}`;
    if (metadata.has(key)) throw fields.fail({ subject, found: 'given twice', expected: 'once' });
    await fields.need(TYPE_BYTES, subject);
    metadata.set(key, await readValue(fields, fields.u32(), subject));
  }
  return metadata;
}

async function readValue(fields: FieldReader, type: number, subject: string): Promise<MetadataValue> {
  if (type === STRING) return await fields.text(subject);
  if (type === ARRAY) return await readList(fields, subject);
  const [value = 0] = await readNumbers(fields, type, 1, subject);
  if (type === BOOL) return value === 1;
  return typeof value === 'bigint' && BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))
    ? Number(value)
    : value;
}

async function readList(fields: FieldReader, subject: string): Promise<readonly string[] | MetadataNumbers> {
  await fields.need(TYPE_BYTES, subject);
  const type = fields.u32();
  if (type === ARRAY) throw fields.fail({ subject, found: 'a list of lists', expected: 'a list of numbers or texts' });
  const length = await fields.count(`length of ${subject}`, NUMBERS.get(type)?.[0] ?? LENGTH_BYTES);
  if (type !== STRING) return await readNumbers(fields, type, length, subject);
  const texts: string[] = [];
  for (let i = 0; i < length; i++) texts.push(await fields.text(`an element of ${subject}`));
  return texts;
}

async function readNumbers(
  fields: FieldReader,
  type: number,
  length: number,
  subject: string,
): Promise<MetadataNumbers> {
  const numbers = NUMBERS.get(type);
  if (numbers === undefined) {
    throw fields.fail({ subject: `type of ${subject}`, found: type, expected: 'a type from 0 to 12' });
  }
  const [bytes, list] = numbers;
  await fields.need(length * bytes, subject);
  const data = fields.bytes(length * bytes).slice();
  if (type === BOOL && data.some((byte) => byte > 1)) {
    const found = `a boolean of ${data.find((byte) => byte > 1)}`;
    throw fields.fail({ subject, found, expected: '0 or 1' });
  }
  return list(data.buffer);
}
