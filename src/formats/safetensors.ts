// Reader of one safetensors file: u64 length of the header, header, data. Only the header is held in memory; tensors
// are read in ranges, so weights can stream from file to GPU.
import { count } from '../util/count.ts';
import { RangeValueError } from '../util/errors.ts';
import type { Problem } from '../util/model-file-error.ts';
import { openRegularFile } from '../util/regular-file.ts';
import { type FileToRead, readFully } from './read-fully.ts';
import {
  parseSafetensorsHeader,
  SafetensorsError,
  type SafetensorsHeader,
  type SafetensorsTensor,
} from './safetensors-header.ts';

const LENGTH_BYTES = 8;
/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000n;

/** An open safetensors file; made by `openSafetensors`. */
export class SafetensorsFile implements AsyncDisposable {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #handle: FileToRead;
  readonly #dataStart: number;

  constructor(path: string, handle: FileToRead, { tensors, metadata }: SafetensorsHeader, dataStart: number) {
    this.path = path;
    this.tensors = tensors;
    this.metadata = metadata;
    this.#handle = handle;
    this.#dataStart = dataStart;
  }

  /**
   * Fills `out` with bytes `[start, start + out.length)` of a tensor of this file.
   *
   * @throws RangeValueError when the range is not within the tensor.
   * @throws SafetensorsError when the file has been shortened meanwhile.
   */
  async read(tensor: SafetensorsTensor, start: number, out: Uint8Array): Promise<void> {
    const last = tensor.byteLength - out.length;
    if (!Number.isSafeInteger(start) || start < 0 || start > last) {
      throw new RangeValueError('start', start, `0 to ${last} for ${out.length} bytes of ${tensor.name}`);
    }
    const toError = (problem: Problem) => new SafetensorsError(this.path, problem);
    await readFully(this.#handle, this.#dataStart + tensor.byteOffset + start, out, toError);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Opens a safetensors file and reads its header.
 *
 * @throws SafetensorsError when the file is missing, truncated or its header is not to be trusted.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  await using opened = new AsyncDisposableStack();
  const toError = (problem: Problem) => new SafetensorsError(path, problem);
  const { handle, numBytes: fileBytes } = await openRegularFile(path, 'a safetensors file', toError);
  opened.use(handle);
  const headerBytes = await readHeaderLength(handle, fileBytes, toError);
  const headerText = new Uint8Array(headerBytes);
  await readFully(handle, LENGTH_BYTES, headerText, toError);
  const dataStart = LENGTH_BYTES + headerBytes;
  const header = parseSafetensorsHeader(path, headerText, fileBytes - dataStart);
  opened.move(); // from here on the file owns the handle
  return new SafetensorsFile(path, handle, header, dataStart);
}

async function readHeaderLength(
  handle: FileToRead,
  fileBytes: number,
  toError: (problem: Problem) => SafetensorsError,
): Promise<number> {
  const available = fileBytes - LENGTH_BYTES;
  if (available < 0) {
    const expected = `at least the ${LENGTH_BYTES} of the header length`;
    throw toError({ subject: 'file', found: `${count(fileBytes, 'byte')} long`, expected });
  }
  const bytes = new Uint8Array(LENGTH_BYTES);
  await readFully(handle, 0, bytes, toError);
  const length = new DataView(bytes.buffer).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES || length > available) {
    const expected =
      length > MAX_HEADER_BYTES
        ? `at most ${MAX_HEADER_BYTES} bytes`
        : `at most the remaining ${count(available, 'byte')}`;
    throw toError({ subject: 'header length', found: length, expected });
  }
  return Number(length);
}
