import { stat } from 'node:fs/promises';
import { replaceFile } from '../../src/terminal/output-file.ts';

const FLAG = '--json';

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
