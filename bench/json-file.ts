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
