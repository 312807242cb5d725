// JSON of a file. What needs no file is apart, so that a model's configuration is parsed in a browser, too.
import { decodeJson, type JsonObject, parseJsonObject } from './json.ts';
import type { Problem } from './model-file-error.ts';
import { quote } from './quote.ts';
import { openRegularFile } from './regular-file.ts';

/** The header of a safetensors file may be as long; no other JSON of a model comes near. */
const MAX_BYTES = 100_000_000;

/**
 * Reads a file that holds one JSON object.
 *
 * @throws what `toError` makes of the problem.
 */
export async function readJsonObject(path: string, toError: (problem: Problem) => Error): Promise<JsonObject> {
  const { handle, numBytes } = await openRegularFile(path, 'a JSON file', toError);
  await using _ = handle;
  if (numBytes > MAX_BYTES) {
    throw toError({ subject: 'file', found: `${numBytes} bytes long`, expected: `at most ${MAX_BYTES}` });
  }
  const bytes = await handle.readFile().catch((cause: unknown) => {
    throw toError({ subject: 'file', found: `unreadable (${quote(cause)})`, expected: 'a JSON file', cause });
  });
  return parseJsonObject(decodeJson(bytes, 'file', toError), 'file', toError);
}
