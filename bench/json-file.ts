import { open, unlink, writeFile } from 'node:fs/promises';
import { RoseinferError } from '../src/util/errors.ts';

/** A file for the results that can't be written. */
export class JsonFileError extends RoseinferError {}

/**
 * Finds out now, not behind a long run, whether a file can be written. Leaves it, or its absence, as it was.
 *
 * @throws JsonFileError
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const isNew = await openForWriting(path);
    if (isNew) await unlink(path);
  } catch (cause) {
    throw jsonFileError(path, cause);
  }
}

/** Opens and closes a file; returns whether that has made it. */
async function openForWriting(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx')).close();
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    await (await open(path, 'a')).close();
    return false;
  }
}

/** @throws JsonFileError */
export async function writeJson(path: string, value: unknown): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(value)}\n`);
  } catch (cause) {
    throw jsonFileError(path, cause);
  }
}

function jsonFileError(path: string, cause: unknown): JsonFileError {
  return new JsonFileError(`--json is "${path}" (${codeOf(cause)}), expected a file that can be written`, { cause });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : error;
}
