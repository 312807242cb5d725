// Reader of one GGUF file. Only the header is held in memory; tensors are read in ranges, so weights can stream from file to GPU.
import { RangeValueError } from '../../util/errors.ts';
import type { Problem } from '../../util/model-file-error.ts';
import { openRegularFile } from '../../util/regular-file.ts';
import { type FileToRead, readFully } from '../read-fully.ts';
import { FieldReader } from './field-reader.ts';
import { GGUFCutError, GGUFError } from './gguf-error.ts';
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
   * @throws GGUFCutError when the file has been shortened meanwhile.
   */
  async read(tensor: GGUFTensor, start: number, out: Uint8Array): Promise<void> {
    const last = tensor.byteLength - out.length;
    if (!Number.isSafeInteger(start) || start < 0 || start > last) {
      throw new RangeValueError('start', start, `0 to ${last} for ${out.length} bytes of ${tensor.name}`);
    }
    const toError = (problem: Problem) => new GGUFCutError(this.path, problem);
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

/** File of which the beginning is there. */
export interface GGUFHead {
  /** Name in errors. */
  readonly name: string;
  /** Length of the whole file. */
  readonly numBytes: number;
}

/**
 * Opens a GGUF file and reads its header.
 *
 * @param head the file that `path` has the beginning of; by default it is whole.
 * @throws GGUFError when the file is missing, truncated or its header is not to be trusted; GGUFCutError where a header goes on
 * beyond the beginning.
 */
export async function openGGUF(path: string, head?: GGUFHead): Promise<GGUFFile> {
  await using opened = new AsyncDisposableStack();
  const name = head?.name ?? path;
  const fail = (problem: Problem) => new GGUFError(name, problem);
  const { handle, numBytes: present } = await openRegularFile(path, 'a GGUF file', fail);
  const numBytes = head?.numBytes ?? present;
  opened.use(handle);
  const toError = (problem: Problem) => new GGUFCutError(name, problem);
  const read = async (position: number, out: Uint8Array) => await readFully(handle, position, out, toError);
  const header = await readHeader(new FieldReader({ numBytes, read }, fail), numBytes);
  opened.move(); // from here on the file owns the handle
  return new GGUFFile(name, handle, header);
}
