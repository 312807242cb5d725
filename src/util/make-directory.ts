// Directories with those above them. Node's own way names no cause on a disk that is read-only, and never ends under /proc.
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from './regular-file.ts';

/** Makes a directory and those above it that are missing. @throws what the file system throws. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const above = dirname(path);
    if (codeOf(error) === 'ENOENT' && above !== path) {
      await makeDirectory(above);
      await mkdir(path).catch((failure: unknown) => unlessDirectory(path, failure));
    } else await unlessDirectory(path, error);
  }
}

/** Throws an error unless the directory is there: another process may have made it. */
async function unlessDirectory(path: string, error: unknown): Promise<void> {
  const stats = await stat(path).catch(() => null);
  if (!stats?.isDirectory()) throw error;
}
