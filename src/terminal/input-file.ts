// Files that flags name to read. One that can't be read is a failure and no wrong call: the words are right, the machine is not as they
// say. A named pipe is opened without waiting for its writer, because a waiting thread would keep the process from ending at a signal.
import { constants, createReadStream, openSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';
import { type RangeValueError, RoseinferError } from '../util/errors.ts';
import type { Problem } from '../util/model-file-error.ts';
import { quote } from '../util/quote.ts';
import { codeOf } from '../util/regular-file.ts';

/** File of a flag. */
export interface FlagFile {
  /** The flag with its dashes, or the command of a chat. */
  readonly flag: string;
  readonly path: string;
}

/** File of a flag that is to be read. */
export interface InputFile extends FlagFile {
  /** The end of "expected …". */
  readonly expected: string;
}

/** Error of a file that a flag names and that can't be read, or has not what is expected of it. */
export class InputFileError extends RoseinferError {
  readonly flag: string;
  readonly path: string;

  /** @param fault the message after the path. */
  constructor({ flag, path }: FlagFile, fault: string, options?: ErrorOptions) {
    super(`${flag} is ${quote(path)}${fault}`, options);
    this.flag = flag;
    this.path = path;
  }

  /** Makes the error of a file that the system refuses to read. */
  static unreadable(file: InputFile, cause: unknown): InputFileError {
    return new InputFileError(file, ` (${codeOf(cause) ?? String(cause)}), expected ${file.expected}`, { cause });
  }

  /** Makes the error of a fault in the contents of a file. */
  static of(file: FlagFile, { subject, found, expected, cause }: Omit<Problem, 'tensor'>): InputFileError {
    return new InputFileError(file, `: ${subject} is ${found}, expected ${expected}`, { cause });
  }

  /** Makes the error of a value in a file that is refused. */
  static ofValue(file: FlagFile, error: RangeValueError): InputFileError {
    const { parameter: subject, value, expected } = error;
    return InputFileError.of(file, { subject, found: quote(value), expected, cause: error });
  }
}

/** Bytes of the longest file that is read whole. */
const MAX_FILE_BYTES = 2 ** 28;

/**
 * Reads a file to its end.
 *
 * @throws InputFileError for one that can't be read or is too long; the signal's reason.
 */
export async function readInput(file: InputFile, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let numBytes = 0;
  try {
    for await (const chunk of await openInput(file.path, signal)) {
      chunks.push(chunk);
      numBytes += chunk.length;
      if (numBytes > MAX_FILE_BYTES) {
        const fault = `, which is longer than ${MAX_FILE_BYTES} bytes, expected ${file.expected}`;
        throw new InputFileError(file, fault);
      }
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw cause instanceof InputFileError ? cause : InputFileError.unreadable(file, cause);
  }
  return Buffer.concat(chunks);
}

/**
 * Opens a file, a pipe or a device.
 *
 * @param signal ends the stream with its reason.
 * @throws what the file system throws, now or from the stream.
 */
export async function openInput(path: string, signal: AbortSignal): Promise<Readable> {
  const stream = (await isNamedPipe(path))
    ? new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), writable: false })
    : createReadStream(path);
  return addAbortSignal(signal, stream);
}

/** Tells whether a path is a named pipe. That of a shell's `<(…)` or `|` has a writer already, and no real path. */
async function isNamedPipe(path: string): Promise<boolean> {
  const found = await stat(path);
  return (
    found.isFIFO() &&
    (await realpath(path).then(
      () => true,
      () => false,
    ))
  );
}
