// The schema of `roseinfer generate --schema`: a file with a JSON Schema, which is refused before a model is loaded for it.
import { StructuredOutputError } from '../../grammar/errors.ts';
import { grammarOf, type StructuredOutput } from '../../grammar/structured-output.ts';
import { InputFileError } from '../../terminal/input-file.ts';
import { readJsonFile } from '../../terminal/read-text.ts';

/**
 * Reads a schema that texts can be held to.
 *
 * @throws InputFileError for a file that can't be read or has no JSON object, and, with the place and keyword in it, for a schema that
 * is not supported; the signal's reason.
 */
export async function readSchema(path: string, signal: AbortSignal): Promise<StructuredOutput> {
  const file = { flag: '--schema', path, expected: 'a JSON file' };
  const output = { json: await readJsonFile(file, signal) };
  try {
    grammarOf(output);
  } catch (cause) {
    if (!(cause instanceof StructuredOutputError)) throw cause;
    throw new InputFileError(file, `: ${cause.message}`, { cause });
  }
  return output;
}
