// The files of a batch as its flags name them: - is stdin or stdout, a pipe can be read once, and one run at a time writes results.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { RoseinferError } from '../../util/errors.ts';
import { FileLock } from '../../util/file-lock.ts';
import { quote } from '../../util/quote.ts';
import { codeOf } from '../../util/regular-file.ts';
import { type InputScan, scanInput } from './scan-input.ts';

/** Name of stdin as an input and of stdout as an output. */
export const STANDARD = '-';

/** Error of an input that can't be read, or an output that another run has. */
class BatchFileError extends RoseinferError {}

/**
 * Reads an input to its end; returns null for stdin and pipes.
 *
 * @throws BatchFileError
 */
export async function scanFile(input: string, maxLine: number, signal: AbortSignal): Promise<InputScan | null> {
  if (input === STANDARD) return null;
  try {
    const stats = await stat(input);
    if (!stats.isFile() && !stats.isDirectory()) return null;
    return await scanInput(createReadStream(input, { signal }), maxLine);
  } catch (cause) {
    signal.throwIfAborted();
    throw new BatchFileError(`--input is ${quote(input)} (${codeOf(cause)}), expected a file of JSON lines`, { cause });
  }
}

/** Opens an input, up to the bytes that were read at first. */
export function openInput(input: string, scan: InputScan | null, signal: AbortSignal): AsyncIterable<Uint8Array> {
  if (input === STANDARD) return addAbortSignal(signal, process.stdin);
  if (scan?.numBytes === 0) return nothing();
  return createReadStream(input, { signal, ...(scan !== null && { end: scan.numBytes - 1 }) });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

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
