// The schema of `roseinfer generate --schema`: a file with a JSON Schema, which is refused before a model is loaded for it.
import { StructuredOutputError } from '../../grammar/errors.ts';
import { grammarOf, type StructuredOutput } from '../../grammar/structured-output.ts';
import { UsageError } from '../../terminal/flag-words.ts';
import { readJsonObject } from '../../util/json-file.ts';
import type { Problem } from '../../util/model-file-error.ts';
import { quote } from '../../util/quote.ts';

/**
 * Reads a schema that texts can be held to.
 *
 * @throws UsageError naming the file, and the place and keyword in it, for a file that has no JSON object and for a schema that
 * is not supported.
 */
export async function readSchema(path: string): Promise<StructuredOutput> {
  const flag = `--schema is ${quote(path)}`;
  const json = await readJsonObject(path, ({ subject, found, expected, cause }: Problem) => {
    return new UsageError(`${flag}: ${subject} is ${found}, expected ${expected}`, { cause });
  });
  const output = { json };
  try {
    grammarOf(output);
  } catch (cause) {
    if (!(cause instanceof StructuredOutputError)) throw cause;
    throw new UsageError(`${flag}: ${cause.message}`, { cause });
  }
  return output;
}
