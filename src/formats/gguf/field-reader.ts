// Reader of the fields of a GGUF header, one after another, through a window of the file: a header says nowhere how long it is.
// Lengths and counts are u64 of a foreign hand: each is held to the bytes that are left before anything is allocated.
import { Buffer, isUtf8 } from 'node:buffer';
import { count } from '../../util/count.ts';
import { quoteJson } from '../../util/model-file-error.ts';
import type { FailGGUF } from './gguf-error.ts';

/** Bytes of the file, as a reader of fields takes them. */
export interface ByteSource {
  readonly numBytes: number;
  /** Fills `out` with the bytes from `position` on. */
  read(position: number, out: Uint8Array): Promise<void>;
}

/** Bytes that are read at a time. */
const WINDOW_BYTES = 2 ** 20;
/** Longest header in bytes, as of safetensors: a vocabulary of 256,000 tokens with merges takes 16 MB. */
const MAX_HEADER_BYTES = 100_000_000;

/**
 * Position in the header of a file. Fields are read by methods without a promise after `need` has said how many bytes they take
 * together.
 */
export class FieldReader {
  readonly fail: FailGGUF;
  readonly #source: ByteSource;
  readonly #end: number;
  #window: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(0));
  #windowStart = 0;
  #at = 0;

  constructor(source: ByteSource, fail: FailGGUF) {
    this.fail = fail;
    this.#source = source;
    this.#end = Math.min(source.numBytes, MAX_HEADER_BYTES);
  }

  /** Bytes from the start of the file. */
  get position(): number {
    return this.#windowStart + this.#at;
  }

  /** Bytes that the header may still take. */
  get remaining(): number {
    return this.#end - this.position;
  }

  /**
   * Reads on until `numBytes` are in the window.
   *
   * @param subject names what takes them, in the error.
   * @throws GGUFError when the file or the longest header ends before.
   */
  async need(numBytes: number | bigint, subject: string): Promise<void> {
    if (numBytes > this.remaining) {
      const limit = this.#end < this.#source.numBytes ? `a header of ${MAX_HEADER_BYTES}` : 'the file';
      const expected = `at most the ${this.remaining} that are left of ${limit}`;
      throw this.fail({ subject, found: `${count(numBytes, 'byte')} long`, expected });
    }
    if (this.#at + Number(numBytes) <= this.#window.byteLength) return;
    const start = this.position;
    const bytes = new Uint8Array(Math.max(Number(numBytes), Math.min(WINDOW_BYTES, this.remaining)));
    await this.#source.read(start, bytes);
    this.#window = new DataView(bytes.buffer);
    this.#windowStart = start;
    this.#at = 0;
  }

  u32(): number {
    return this.#window.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#window.getBigUint64(this.#take(8), true);
  }

  /**
   * Reads the u64 that counts things, each of `bytesEach` bytes or more.
   *
   * @throws GGUFError when the rest of the header has no room for them, and for more than `most`.
   */
  async count(subject: string, bytesEach: number, most: number = Number.MAX_SAFE_INTEGER): Promise<number> {
    await this.need(8, subject);
    const count = this.u64();
    const room = Math.floor(this.remaining / bytesEach);
    if (count > room || count > most) {
      const expected = room < most ? `at most ${room}, which the rest of the file has room for` : `at most ${most}`;
      throw this.fail({ subject, found: count, expected });
    }
    return Number(count);
  }

  /** Reads a length and as many bytes of UTF-8. @throws GGUFError for other bytes, and for more than `most`. */
  async text(subject: string, most: number = MAX_HEADER_BYTES): Promise<string> {
    await this.need(8, subject);
    const length = this.u64();
    if (length > most)
      throw this.fail({ subject, found: `${count(length, 'byte')} long`, expected: `at most ${most}` });
    await this.need(length, subject);
    const bytes = Buffer.from(this.#window.buffer, this.#take(Number(length)), Number(length));
    const text = bytes.toString('utf8');
    if (!isUtf8(bytes)) throw this.fail({ subject, found: `${quoteJson(text)}, not UTF-8`, expected: 'UTF-8' });
    return text;
  }

  /** Takes bytes of the window as they are. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#take(length);
    return new Uint8Array(this.#window.buffer, start, length);
  }

  #take(numBytes: number): number {
    const start = this.#at;
    this.#at += numBytes;
    return start;
  }
}
