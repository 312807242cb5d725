// The file of results: a line counts once it is on the disk. Lines that end meanwhile are written and flushed together.
import { type FileHandle, open } from 'node:fs/promises';
import { RoseinferError } from '../../util/errors.ts';
import { quote } from '../../util/quote.ts';
import { codeOf } from '../../util/regular-file.ts';
import { LineSet } from './line-set.ts';
import { readResult } from './result.ts';

/** Place of results. */
export interface Results extends AsyncDisposable {
  /** Appends a line; resolves when it is safe. Rejects with what the system says. */
  append(line: string): Promise<void>;
}

/** Error of a file of results that can't be written or read. */
export class ResultFileError extends RoseinferError {}

/** Results that a file has. */
export interface FoundResults {
  readonly done: LineSet;
  readonly numErrors: number;
}

const CHUNK = 1 << 16;
const LINE_FEED = 0x0a;

/** Results in a regular file. */
export class ResultFile implements Results {
  readonly #path: string;
  readonly #handle: FileHandle;
  #pending: string[] = [];
  #group = Promise.withResolvers<void>();
  #writing: Promise<void> | null = null;
  #failure: ResultFileError | null = null;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** Opens a file, or makes it. @throws ResultFileError */
  static async open(path: string): Promise<ResultFile> {
    try {
      // Written at its end; made where it is missing.
      return new ResultFile(path, await open(path, 'a+'));
    } catch (cause) {
      throw unwritable(path, cause);
    }
  }

  /** Length in bytes. */
  async length(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  /** Empties the file. @throws ResultFileError */
  async clear(): Promise<void> {
    await this.#cutAt(0);
  }

  /**
   * Reads the results, and cuts off a last one that was not written to its end.
   *
   * @param numLines lines of the input.
   * @throws ResultFileError for a line that is no result, or the second one of its line.
   */
  async recover(numLines: number): Promise<FoundResults> {
    const done = new LineSet();
    let [numErrors, number, position, whole] = [0, 0, 0, 0];
    let rest: Buffer = Buffer.alloc(0);
    const chunk = Buffer.alloc(CHUNK);
    for (;;) {
      const { bytesRead } = await this.#handle.read(chunk, 0, CHUNK, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      let bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED)) {
        number++;
        const result = readResult(bytes.toString('utf8', 0, end));
        const place = `line ${number} of ${quote(this.#path)}`;
        if (result === null || result.line > numLines) {
          throw new ResultFileError(`${place} is no result of this input, expected one; --overwrite begins anew`);
        }
        if (!done.add(result.line)) {
          throw new ResultFileError(
            `${place} is another result of line ${result.line}, expected one each; --overwrite begins anew`,
          );
        }
        if (result.isError) numErrors++;
        whole += end + 1;
        bytes = bytes.subarray(end + 1);
      }
      rest = bytes;
    }
    if (rest.length > 0) await this.#cutAt(whole);
    return { done, numErrors };
  }

  append(line: string): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    this.#pending.push(line);
    const { promise } = this.#group;
    this.#writing ??= this.#write();
    return promise;
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const group = this.#group;
      const text = this.#pending.join('');
      this.#pending = [];
      this.#group = Promise.withResolvers<void>();
      try {
        await this.#handle.appendFile(text);
        await this.#handle.datasync();
        group.resolve();
      } catch (cause) {
        this.#failure = unwritable(this.#path, cause);
        group.reject(this.#failure);
        this.#group.promise.catch(() => {});
        this.#group.reject(this.#failure);
        break;
      }
    }
    this.#writing = null;
  }

  async #cutAt(length: number): Promise<void> {
    try {
      await this.#handle.truncate(length);
      await this.#handle.datasync();
    } catch (cause) {
      throw unwritable(this.#path, cause);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#handle.close();
  }
}

function unwritable(path: string, cause: unknown): ResultFileError {
  const code = codeOf(cause) ?? 'unknown';
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  const mend = isFull ? 'room on its disk; with more of it the same command goes on' : 'a file that can be written';
  return new ResultFileError(`--output is ${quote(path)} (${code}), expected ${mend}`, { cause });
}
