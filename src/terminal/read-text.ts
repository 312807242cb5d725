// Texts of a command line: the file of a flag, or stdin, in UTF-8. A byte order mark is dropped.
import { readFile } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { quote } from '../util/quote.ts';
import { codeOf } from '../util/regular-file.ts';
import { UsageError } from './flag-words.ts';

/**
 * Reads the file of a flag.
 *
 * @param expected names the file, for the error.
 * @throws UsageError for a file that can't be read, or is no UTF-8; the signal's reason.
 */
export async function readTextFile(flag: string, path: string, expected: string, signal: AbortSignal): Promise<string> {
  const bytes = await readFile(path, { signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new UsageError(`${flag} is ${quote(path)} (${codeOf(cause)}), expected ${expected}`, { cause });
  });
  return decode(bytes, `${flag} is ${quote(path)}, which`);
}

/**
 * Reads stdin to its end.
 *
 * @throws UsageError for bytes that are no UTF-8; the signal's reason.
 */
export async function readStdin(signal: AbortSignal): Promise<string> {
  return decode(await buffer(addAbortSignal(signal, process.stdin)), 'stdin');
}

function decode(bytes: Uint8Array, subject: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError(`${subject} is no UTF-8, expected a text in UTF-8`, { cause });
  }
}
