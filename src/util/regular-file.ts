// Foreign files, looked at before they are opened: opening a pipe waits for its other end, and a device has no end.

import type { Stats } from 'node:fs';
import { type FileHandle, lstat, open, readlink, stat } from 'node:fs/promises';
import type { Problem } from './model-file-error.ts';
import { quote } from './quote.ts';

/** A file that is open and its length in bytes. */
export interface OpenFile {
  readonly handle: FileHandle;
  readonly numBytes: number;
}

/**
 * Opens a regular file, or a link to one, for reading.
 *
 * @param expected names what the file should be, for the error.
 * @throws what `toError` makes of the problem
 */
export async function openRegularFile(
  path: string,
  expected: string,
  toError: (problem: Problem) => Error,
): Promise<OpenFile> {
  const unreadable = async (error: unknown): Promise<never> => {
    throw toError({ subject: 'file', found: await reasonOf(path, error), expected, cause: error });
  };
  const stats = await stat(path).catch(unreadable);
  if (!stats.isFile()) throw toError({ subject: 'file', found: kindOf(stats), expected });
  return { handle: await open(path).catch(unreadable), numBytes: stats.size };
}

/**
 * Checks that a path leads to a directory.
 *
 * @throws what `toError` makes of the problem.
 */
export async function checkDirectory(
  path: string,
  expected: string,
  toError: (problem: Problem) => Error,
): Promise<void> {
  const stats = await stat(path).catch(async (cause: unknown) => {
    throw toError({ subject: 'path', found: await reasonOf(path, cause), expected, cause });
  });
  if (!stats.isDirectory()) throw toError({ subject: 'path', found: kindOf(stats), expected });
}

/** Tells whether nothing has this name; a dangling link has it. */
export async function isAbsent(path: string): Promise<boolean> {
  return lstat(path).then(
    () => false,
    (error: unknown) => codeOf(error) === 'ENOENT',
  );
}

/** Says why a file could not be opened. */
async function reasonOf(path: string, error: unknown): Promise<string> {
  const code = codeOf(error);
  if (code !== 'ENOENT') return `unreadable (${code})`;
  const target = await readlink(path).catch(() => null);
  return target === null ? 'missing' : `a link to ${quote(target)}, which is missing`;
}

/** Reads the code of an error of the system, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function kindOf(stats: Stats): string {
  if (stats.isFile()) return 'a file';
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a named pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}
