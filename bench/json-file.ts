import { stat } from 'node:fs/promises';
import { checkOutput, replaceFile } from '../src/cli/output-file.ts';

const FLAG = '--json';

/**
 * Finds out now, not behind a long run, whether a file for the results can be written. Leaves it, or its absence, as it was.
 *
 * @throws OutputFileError
 */
export function checkWritable(path: string): Promise<void> {
  return checkOutput(FLAG, path);
}

/** @throws OutputFileError */
export function writeJson(path: string, value: unknown): Promise<void> {
  return replaceFile(FLAG, path, `${JSON.stringify(value)}\n`);
}

/**
 * Writes what there is so far, where the whole can take its place later: into a regular file. A pipe gets the whole alone.
 *
 * @throws OutputFileError
 */
export async function writePartialJson(path: string, value: unknown): Promise<void> {
  const canReplace = await stat(path).then(
    (found) => found.isFile(),
    () => true,
  );
  if (canReplace) await writeJson(path, value);
}
