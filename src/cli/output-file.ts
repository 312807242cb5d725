import { access, constants, open, realpath, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { RoseinferError } from '../util/errors.ts';

/** A file of a flag that can't be written. */
class OutputFileError extends RoseinferError {
  readonly flag: string;
  readonly path: string;

  constructor(flag: string, path: string, cause: unknown) {
    super(`${flag} is "${path}" (${codeOf(cause)}), expected a file that can be written`, { cause });
    this.flag = flag;
    this.path = path;
  }
}

/**
 * Finds out now, not behind a long run, whether `replaceFile` can write a file. Leaves it, or its absence, as it was.
 *
 * @throws OutputFileError
 */
export async function checkOutput(flag: string, path: string): Promise<void> {
  try {
    const target = await targetOf(path);
    if (target.next === null) return;
    await (await open(target.next, 'wx')).close();
    await unlink(target.next);
  } catch (cause) {
    throw new OutputFileError(flag, path, cause);
  }
}

/**
 * Writes a file whole: at every moment there is the old one or the new one. What is no plain file, a pipe say, is
 * written as it is.
 *
 * @throws OutputFileError
 */
export async function replaceFile(flag: string, path: string, content: string | Iterable<string>): Promise<void> {
  try {
    const { real, next } = await targetOf(path);
    if (next === null) {
      await writeFile(real, content);
      return;
    }
    try {
      await writeFile(next, content);
      await rename(next, real);
    } catch (error) {
      await unlink(next).catch(() => {});
      throw error;
    }
  } catch (cause) {
    throw new OutputFileError(flag, path, cause);
  }
}

/** The file that a path means, and the one beside it that is to take its place; null for what is no plain file. */
async function targetOf(path: string): Promise<{ readonly real: string; readonly next: string | null }> {
  const found = await stat(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT' || path === '') throw error;
    return null;
  });
  if (found?.isDirectory()) throw Object.assign(new Error('a directory'), { code: 'EISDIR' });
  if (found !== null) await access(path, constants.W_OK);
  const real = found === null ? path : await realpath(path);
  return { real, next: found === null || found.isFile() ? `${real}.${process.pid}.tmp` : null };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error;
}
