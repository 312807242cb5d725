// File of --json: replaced as a whole, so that a reader never sees half a report.
import { stat } from 'node:fs/promises';
import { replaceFile } from '../../src/terminal/output-file.ts';

const FLAG = '--json';

/** Writes a report. @throws OutputFileError */
export function writeJson(path: string, value: unknown): Promise<void> {
  return replaceFile(FLAG, path, `${JSON.stringify(value)}\n`);
}

/**
 * Writes a report that is not complete yet, if a later one can replace it: into a regular file, but not into a pipe.
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
