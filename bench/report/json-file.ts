// File of --json: replaced as a whole, so that a reader never sees half a report.
import { stat } from 'node:fs/promises';
import { replaceFile, tellNothingYet } from '../../src/terminal/output-file.ts';

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

/**
 * Writes what a run has by its end, whichever that is. Where it has nothing yet and a signal ended it, stderr says so.
 *
 * @param path undefined where no file was asked for.
 * @param report makes the report; null where there is nothing yet.
 * @throws OutputFileError
 */
export async function writeAtEnd(
  path: string | undefined,
  report: (() => unknown) | null,
  signal: AbortSignal,
): Promise<void> {
  if (path === undefined) return;
  if (report !== null) await writeJson(path, report());
  else if (signal.aborted) tellNothingYet(FLAG, path);
}
