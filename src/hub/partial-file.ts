// A file that is being fetched: the bytes so far, the hash over them, and the entity tag that they came under. It stays when a
// transfer ends early, and the next one goes on after it.
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { RepoFile } from './list-repo.ts';

/** Bytes that are read at a time to go on with a hash. */
const CHUNK = 2 ** 20;
/** Entity tag that stands for bytes; a weak one only stands for a meaning. */
const STRONG_TAG = /^"[^"]*"$/;

/** The beginning of a file, open for more; made by `PartialFile.open`. */
export class PartialFile implements AsyncDisposable {
  readonly #path: string;
  readonly #file: RepoFile;
  readonly #handle: FileHandle;
  #length = 0;
  #hash: Hash;
  #tag: string | null = null;

  private constructor(path: string, file: RepoFile, handle: FileHandle) {
    this.#path = path;
    this.#file = file;
    this.#handle = handle;
    this.#hash = startHash(file);
  }

  /**
   * Opens the beginning of a file that an earlier transfer left, or an empty one.
   *
   * @param blob path of the whole file.
   * @throws what the file system throws.
   */
  static async open(blob: string, file: RepoFile): Promise<PartialFile> {
    const path = partialPath(blob);
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW);
    const partial = new PartialFile(path, file, handle);
    try {
      await partial.#readOld();
    } catch (error) {
      await handle.close();
      throw error;
    }
    return partial;
  }

  /** Bytes that are there. */
  get length(): number {
    return this.#length;
  }

  /** Strong entity tag of the answer that the bytes are of; null where it had none. */
  get tag(): string | null {
    return this.#tag;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, written, null, this.#length + written);
      written += bytesWritten;
    }
    this.#hash.update(bytes);
    this.#length += bytes.length;
  }

  /** Begins again from nothing. */
  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#length = 0;
    this.#hash = startHash(this.#file);
    await this.keepTag(null);
  }

  /** Keeps the entity tag of the bytes that follow; a weak one is none. */
  async keepTag(tag: string | null): Promise<void> {
    const strong = tag !== null && STRONG_TAG.test(tag) ? tag : null;
    if (strong === this.#tag) return;
    this.#tag = strong;
    if (strong === null) await rm(tagPath(this.#path), { force: true });
    else await writeFile(tagPath(this.#path), strong);
  }

  /** Digests the bytes so far, in hexadecimal digits. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Gives the whole file its place. */
  async moveTo(blob: string): Promise<void> {
    await this.#handle.sync();
    await this.#handle.close();
    await rename(this.#path, blob);
    await rm(tagPath(this.#path), { force: true });
  }

  /** Deletes it. */
  async discard(): Promise<void> {
    await Promise.all([this.#path, tagPath(this.#path)].map((path) => rm(path, { force: true })));
  }

  /** Closes the file, which stays; idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close().catch(() => {});
  }

  async #readOld(): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size > this.#file.size) return await this.restart();
    const buffer = new Uint8Array(CHUNK);
    while (this.#length < size) {
      const { bytesRead } = await this.#handle.read(buffer, 0, CHUNK, this.#length);
      if (bytesRead === 0) break;
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.#length += bytesRead;
    }
    const tag = await readFile(tagPath(this.#path), 'utf8').catch(() => '');
    this.#tag = STRONG_TAG.test(tag) ? tag : null;
  }
}

/** Path of the beginning of a file: apart from the Python client's, which older versions append to without a hash. */
export function partialPath(blob: string): string {
  return `${blob}.roseinfer.incomplete`;
}

function tagPath(partial: string): string {
  return `${partial}.etag`;
}

/** Begins the hash that a repository has of a file; git's has the length before the bytes. */
function startHash({ hash, size }: RepoFile): Hash {
  return hash.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}
