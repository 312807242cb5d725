// Reader of one GGUF file. Only the header is held in memory; tensors are read in ranges, so weights can stream from file to GPU.
import { RangeValueError } from '../../util/errors.ts';
import type { Problem } from '../../util/model-file-error.ts';
import { openRegularFile } from '../../util/regular-file.ts';
import { type FileToRead, readFully } from '../read-fully.ts';
import { FieldReader } from './field-reader.ts';
import { GGUFError } from './gguf-error.ts';
import { type GGUFHeader, type GGUFTensor, readHeader } from './header.ts';
import type { Metadata } from './metadata.ts';

/** An open GGUF file; made by `openGGUF`. */
export class GGUFFile implements AsyncDisposable {
  readonly path: string;
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, GGUFTensor>;
  readonly #handle: FileToRead;
  readonly #dataStart: number;

  constructor(path: string, handle: FileToRead, { metadata, tensors, dataStart }: GGUFHeader) {
    this.path = path;
    this.metadata = metadata;
    this.tensors = tensors;
    this.#handle = handle;
    this.#dataStart = dataStart;
  }

  /**
   * Fills `out` with bytes `[start, start + out.length)` of a tensor of this file.
   *
   * @throws RangeValueError when the range is not within the tensor.
   * @throws GGUFError when the file has been shortened meanwhile.
   */
  async read(tensor: GGUFTensor, start: number, out: Uint8Array): Promise<void> {
    const last = tensor.byteLength - out.length;
    if (!Number.isSafeInteger(start) || start < 0 || start > last) {
      throw new RangeValueError('start', start, `0 to ${last} for ${out.length} bytes of ${tensor.name}`);
    }
    const toError = (problem: Problem) => new GGUFError(this.path, problem);
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
 * Opens a GGUF file and reads its header.
 *
 * @throws GGUFError when the file is missing, truncated or its header is not to be trusted.
 */
export async function openGGUF(path: string): Promise<GGUFFile> {
  await using opened = new AsyncDisposableStack();
  const fail = (problem: Problem) => new GGUFError(path, problem);
  const { handle, numBytes } = await openRegularFile(path, 'a GGUF file', fail);
  opened.use(handle);
  const read = async (position: number, out: Uint8Array) => await readFully(handle, position, out, fail);
  const header = await readHeader(new FieldReader({ numBytes, read }, fail), numBytes);
  opened.move(); // from here on the file owns the handle
  return new GGUFFile(path, handle, header);
}
