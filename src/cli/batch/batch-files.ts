// The files of a batch as its flags name them: - is stdin or stdout, a pipe can be read once, and one run at a time writes results.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { InputFileError, openInput } from '../../terminal/input-file.ts';
import { RoseinferError } from '../../util/errors.ts';
import { FileLock } from '../../util/file-lock.ts';
import { quote } from '../../util/quote.ts';
import { codeOf } from '../../util/regular-file.ts';
import { type InputScan, scanInput } from './scan-input.ts';

/** Name of stdin as an input and of stdout as an output. */
export const STANDARD = '-';

/** Error of an output that another run has, or that is no file. */
class BatchFileError extends RoseinferError {}

/**
 * Reads an input to its end; returns null for stdin and pipes.
 *
 * @throws InputFileError
 */
export async function scanFile(input: string, maxLine: number, signal: AbortSignal): Promise<InputScan | null> {
  if (input === STANDARD) return null;
  try {
    const stats = await stat(input);
    if (!stats.isFile() && !stats.isDirectory()) return null;
    return await scanInput(createReadStream(input, { signal }), maxLine);
  } catch (cause) {
    signal.throwIfAborted();
    throw unreadable(input, cause);
  }
}

/** Opens an input, up to the bytes that were read at first. */
export function openCalls(input: string, scan: InputScan | null, signal: AbortSignal): AsyncIterable<Uint8Array> {
  if (input === STANDARD) return addAbortSignal(signal, process.stdin);
  return readCalls(input, scan, signal);
}

/** @throws InputFileError; the signal's reason. */
async function* readCalls(input: string, scan: InputScan | null, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (scan?.numBytes === 0) return;
  try {
    yield* scan === null ? await openInput(input, signal) : createReadStream(input, { signal, end: scan.numBytes - 1 });
  } catch (cause) {
    signal.throwIfAborted();
    throw unreadable(input, cause);
  }
}

function unreadable(path: string, cause: unknown): InputFileError {
  return InputFileError.unreadable({ flag: '--input', path, expected: 'a file of JSON lines' }, cause);
}

/**
 * Holds the lock of an output.
 *
 * @throws BatchFileError for a pipe or a device, while another run holds it, and where it can't be made.
 */
export async function lockOutput(output: string): Promise<FileLock> {
  const stats = await stat(output).catch(() => null);
  if (stats !== null && !stats.isFile()) {
    throw new BatchFileError(`--output is ${quote(output)}, which is no file, expected one, or - for stdout`);
  }
  const path = `${output}.lock`;
  const lock = await FileLock.tryAcquire(path).catch((cause: unknown) => {
    const found = `whose lock ${quote(path)} can't be made (${codeOf(cause)})`;
    throw new BatchFileError(`--output is ${quote(output)}, ${found}, expected a directory that can be written`, {
      cause,
    });
  });
  if (lock !== null) return lock;
  const found = `to which another run writes; its lock is ${quote(path)}`;
  throw new BatchFileError(`--output is ${quote(output)}, ${found}, expected one run at a time`);
}
