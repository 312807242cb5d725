// The header of a GGUF file: metadata and the tensors' types, shapes and places. As with safetensors, every claim that it makes is
// checked here, so that readers of the data need no checks of their own.
import { count } from '../../util/count.ts';
import { roundUp } from '../../util/math.ts';
import { quoteJson } from '../../util/model-file-error.ts';
import type { FieldReader } from './field-reader.ts';
import { countMetadata, type Metadata, readMetadata } from './metadata.ts';
import { TENSOR_TYPES, type TensorType, tensorTypeName } from './tensor-types.ts';

/** Tensor of a GGUF file: its type, shape and place. */
export interface GGUFTensor {
  readonly name: string;
  readonly type: TensorType;
  /** Slowest dimension first, as in safetensors: the file has them the other way round. */
  readonly shape: readonly number[];
  /** Bytes from the start of the data section. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** The header of a GGUF file, checked. */
export interface GGUFHeader {
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, GGUFTensor>;
  /** Bytes from the start of the file to the data section. */
  readonly dataStart: number;
}

const MAGIC = 'GGUF';
const VERSIONS: readonly number[] = [2, 3];
/** Bytes of the magic, the version and two counts. */
const PREFIX_BYTES = 4 + 4 + 8 + 8;
/** Most tensors of a file: the largest published models have some thousands. */
const MAX_TENSORS = 65_536;
/** Longest name of a tensor in bytes and most dimensions, by the format. */
const [MAX_NAME_BYTES, MAX_DIMENSIONS] = [64, 4];
/** Bytes of the shortest entry of a tensor: an empty name, no dimension, type and offset. */
const MIN_TENSOR_BYTES = 8 + 4 + 4 + 8;
const ALIGNMENT_KEY = 'general.alignment';
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 65_536;

/**
 * Reads the header of a file.
 *
 * @throws GGUFError when the header is malformed, of another version or byte order, or its tensors don't cover the data exactly.
 */
export async function readHeader(fields: FieldReader, fileBytes: number): Promise<GGUFHeader> {
  await checkPrefix(fields, fileBytes);
  const numTensors = await fields.count('number of tensors', MIN_TENSOR_BYTES, MAX_TENSORS);
  const metadata = await readMetadata(fields, await countMetadata(fields));
  const alignment = readAlignment(metadata, fields);
  const tensors = new Map<string, GGUFTensor>();
  for (let i = 0; i < numTensors; i++) {
    const tensor = await readTensor(fields, i);
    const { name } = tensor;
    if (tensors.has(name))
      throw fields.fail({ tensor: name, subject: 'entry', found: 'given twice', expected: 'once' });
    tensors.set(name, tensor);
  }
  const dataStart = roundUp(fields.position, alignment);
  checkCoverage(fields, tensors, alignment, Math.max(fileBytes - dataStart, 0));
  return { metadata, tensors, dataStart };
}

async function checkPrefix(fields: FieldReader, fileBytes: number): Promise<void> {
  if (fileBytes < PREFIX_BYTES) {
    const expected = `at least the ${PREFIX_BYTES} of magic, version and counts`;
    throw fields.fail({ subject: 'file', found: `${count(fileBytes, 'byte')} long`, expected });
  }
  await fields.need(PREFIX_BYTES, 'file');
  const magic = String.fromCharCode(...fields.bytes(MAGIC.length));
  if (magic !== MAGIC) throw fields.fail({ subject: 'magic', found: quoteJson(magic), expected: quoteJson(MAGIC) });
  const version = fields.u32();
  if (VERSIONS.includes(version)) return;
  if (VERSIONS.includes(swapBytes(version))) {
    throw fields.fail({ subject: 'byte order', found: 'big-endian', expected: 'little-endian' });
  }
  throw fields.fail({ subject: 'version', found: version, expected: VERSIONS.join(' or ') });
}

function swapBytes(word: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, word, true);
  return view.getUint32(0, false);
}

function readAlignment(metadata: Metadata, { fail }: FieldReader): number {
  const value = metadata.get(ALIGNMENT_KEY) ?? DEFAULT_ALIGNMENT;
  const isPowerOf2 = typeof value === 'number' && Number.isInteger(Math.log2(value));
  if (isPowerOf2 && value >= 1 && value <= MAX_ALIGNMENT) return value;
  const expected = `a power of two up to ${MAX_ALIGNMENT}`;
  throw fail({ subject: ALIGNMENT_KEY, found: quoteJson(value), expected });
}

async function readTensor(fields: FieldReader, index: number): Promise<GGUFTensor> {
  const name = await fields.text(`name of tensor ${index}`, MAX_NAME_BYTES);
  const fail = (subject: string, found: string | number | bigint, expected: string) =>
    fields.fail({ tensor: name, subject, found, expected });
  const subject = `entry of tensor ${quoteJson(name)}`;
  await fields.need(4, subject);
  const numDimensions = fields.u32();
  if (numDimensions > MAX_DIMENSIONS) {
    throw fail('number of dimensions', numDimensions, `at most ${MAX_DIMENSIONS}`);
  }
  await fields.need(8 * numDimensions + 4 + 8, subject);
  const sizes = Array.from({ length: numDimensions }, () => fields.u64());
  const typeId = fields.u32();
  const byteOffset = fields.u64();

  const type = TENSOR_TYPES.get(typeId);
  if (type === undefined) {
    const known = [...TENSOR_TYPES.values()].map((each) => each.name).join(', ');
    throw fail('type', tensorTypeName(typeId), `one of ${known}`);
  }
  const shape = sizes.map(Number).reverse();
  const shown = `[${sizes.toReversed().join(', ')}]`;
  const blocks = shape.reduce((product, size) => product * size, 1) / type.blockLength;
  const byteLength = blocks * type.blockBytes;
  if (!Number.isSafeInteger(shape.reduce((product, size) => product * Math.max(size, 1), type.blockBytes))) {
    throw fail('shape', shown, 'fewer than 2^53 bytes');
  }
  const rowLength = shape.at(-1) ?? 1;
  if (rowLength % type.blockLength !== 0) {
    throw fail('shape', shown, `rows of a multiple of ${type.blockLength} for ${type.name}`);
  }
  if (byteOffset > Number.MAX_SAFE_INTEGER) throw fail('offset', byteOffset, 'fewer than 2^53 bytes');
  return { name, type, shape, byteOffset: Number(byteOffset), byteLength };
}

/** Tensors in order of offset must follow one another at the next multiple of the alignment, from the data's start to its end. */
function checkCoverage(
  { fail }: FieldReader,
  tensors: ReadonlyMap<string, GGUFTensor>,
  alignment: number,
  dataLength: number,
): void {
  const ordered = [...tensors.values()].sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  let end = 0;
  let where = 'where the data starts';
  for (const { name: tensor, byteOffset, byteLength } of ordered) {
    const begin = roundUp(end, alignment);
    if (byteOffset !== begin) {
      throw fail({ tensor, subject: 'offset', found: byteOffset, expected: `${begin}, ${where}` });
    }
    end = begin + byteLength;
    where = `after the end of ${quoteJson(tensor)}, in steps of ${alignment}`;
    if (end > dataLength) {
      throw fail({
        tensor,
        subject: 'end',
        found: end,
        expected: `at most the ${dataLength} bytes of data in the file`,
      });
    }
  }
  if (dataLength > roundUp(end, alignment)) {
    throw fail({ subject: 'data', found: count(dataLength, 'byte'), expected: `the ${end} bytes of its tensors` });
  }
}
