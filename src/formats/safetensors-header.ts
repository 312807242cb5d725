// The header of a safetensors file: a JSON object of tensor entries and an optional `__metadata__`. Every claim it
// makes is checked here, so that readers of the data need no checks of their own.
import { count } from '../util/count.ts';
import { decodeJson, isJsonObject, parseJsonObject } from '../util/json.ts';
import { ModelFileError, type Problem, quoteJson } from '../util/model-file-error.ts';

/** A safetensors file that is missing, truncated or contradicts itself. */
export class SafetensorsError extends ModelFileError {}

/** One tensor of a safetensors file: its storage type, shape and place. */
export interface SafetensorsTensor {
  readonly name: string;
  /** As in the file: F32, F16, BF16, I64, …, or a later one. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Bytes from the start of the data section; any alignment. */
  readonly byteOffset: number;
  /** Product of `shape` times the size of an element, where that is known. */
  readonly byteLength: number;
}

/** The header of a safetensors file, checked. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Bytes per element. */
const ELEMENT_BYTES: ReadonlyMap<unknown, number> = new Map(
  Object.entries({
    ...{ BOOL: 1, U8: 1, I8: 1, F8_E4M3: 1, F8_E5M2: 1 },
    ...{ U16: 2, I16: 2, F16: 2, BF16: 2 },
    ...{ U32: 4, I32: 4, F32: 4 },
    ...{ U64: 8, I64: 8, F64: 8 },
  }),
);

/**
 * Parses the header bytes of the file at `path`, whose data section has `dataLength` bytes.
 *
 * @throws SafetensorsError when the header is malformed or its tensors don't cover the data exactly.
 */
export function parseSafetensorsHeader(path: string, bytes: Uint8Array, dataLength: number): SafetensorsHeader {
  const fail = (problem: Problem) => new SafetensorsError(path, problem);
  const text = decodeJson(bytes, 'header', fail);
  const tensors = new Map<string, SafetensorsTensor>();
  let metadata = new Map<string, string>();
  for (const [name, entry] of Object.entries(parseJsonObject(text, 'header', fail))) {
    if (name === '__metadata__') metadata = parseMetadata(entry, fail);
    else tensors.set(name, parseEntry(name, entry, dataLength, fail));
  }
  checkCoverage(tensors, dataLength, fail);
  return { tensors, metadata };
}

type Fail = (problem: Problem) => SafetensorsError;

function parseMetadata(value: unknown, fail: Fail): Map<string, string> {
  const subject = '__metadata__';
  if (!isJsonObject(value)) throw fail({ subject, found: quoteJson(value), expected: 'an object of strings' });
  const metadata = new Map<string, string>();
  for (const [key, item] of Object.entries(value)) {
    if (typeof item !== 'string') {
      throw fail({ subject: `${subject} ${quoteJson(key)}`, found: quoteJson(item), expected: 'a string' });
    }
    metadata.set(key, item);
  }
  return metadata;
}

function parseEntry(name: string, entry: unknown, dataLength: number, fail: Fail): SafetensorsTensor {
  const invalid = (subject: string, value: unknown, expected: string) =>
    fail({ tensor: name, subject, found: quoteJson(value), expected });
  if (!isJsonObject(entry)) throw invalid('entry', entry, 'an object with dtype, shape and data_offsets');
  const { dtype, shape, data_offsets: offsets } = entry;

  if (typeof dtype !== 'string') throw invalid('dtype', dtype, 'text');
  if (!isSizes(shape)) throw invalid('shape', shape, 'a list of non-negative safe integers');
  if (!isSizes(offsets)) throw invalid('data_offsets', offsets, 'two non-negative safe integers');
  const [begin, end, ...rest] = offsets;
  if (begin === undefined || end === undefined || rest.length > 0 || begin > end) {
    throw invalid('data_offsets', offsets, 'two integers in ascending order');
  }
  if (end > dataLength) throw invalid('data_offsets', offsets, `an end within the ${dataLength} bytes of data`);
  const elementBytes = ELEMENT_BYTES.get(dtype);
  const byteLength =
    elementBytes === undefined ? end - begin : shape.reduce((product, size) => product * size, elementBytes);
  if (!Number.isSafeInteger(byteLength)) throw invalid('shape', shape, 'fewer than 2^53 bytes');
  if (end - begin !== byteLength) {
    throw invalid('data_offsets', offsets, `${byteLength} bytes for ${dtype} of shape ${quoteJson(shape)}`);
  }
  return { name, dtype, shape, byteOffset: begin, byteLength };
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** Tensors in order of offset must follow one another without overlap or hole, from the data's start to its end. */
function checkCoverage(tensors: ReadonlyMap<string, SafetensorsTensor>, dataLength: number, fail: Fail): void {
  const ordered = [...tensors.values()].sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  let covered = 0;
  let where = 'where the data starts';
  for (const { name, byteOffset, byteLength } of ordered) {
    if (byteOffset !== covered) {
      const expected = `${covered}, ${where}`;
      throw fail({ tensor: name, subject: 'begin of data_offsets', found: byteOffset, expected });
    }
    covered += byteLength;
    where = `where ${quoteJson(name)} ends`;
  }
  if (covered !== dataLength) {
    throw fail({ subject: 'data', found: count(dataLength, 'byte'), expected: `the ${covered} bytes of its tensors` });
  }
}
