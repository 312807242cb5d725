// Texts of a command line: the file of a flag, or stdin, in UTF-8. Other bytes are refused: Node's own decoding would replace them by
// U+FFFD without a word. A byte order mark is dropped.
import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { RoseinferError } from '../util/errors.ts';
import { type JsonObject, parseJsonObject } from '../util/json.ts';
import { type InputFile, InputFileError, readInput } from './input-file.ts';

/** Error of a stdin that has no text. */
export class StdinError extends RoseinferError {}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Decodes bytes, skipping a byte order mark. @throws TypeError when they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Tells whether a text starts as UTF-16 does: with its byte order mark, or a first character with a zero byte. */
export function isUtf16(bytes: Uint8Array): boolean {
  const [first, second] = bytes;
  const isMarked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return isMarked || first === 0 || second === 0;
}

/**
 * Reads the text of a file that a flag names.
 *
 * @throws InputFileError when it can't be read or is not UTF-8; the signal's reason.
 */
export async function readTextFile(file: InputFile, signal: AbortSignal): Promise<string> {
  return decode(await readInput(file, signal), (found, cause) => {
    return new InputFileError(file, `, which is ${found}, expected ${EXPECTED}`, { cause });
  });
}

/**
 * Reads the JSON object of a file that a flag names.
 *
 * @throws InputFileError when it can't be read or has none; the signal's reason.
 */
export async function readJsonFile(file: InputFile, signal: AbortSignal): Promise<JsonObject> {
  return parseJsonObject(await readTextFile(file, signal), 'file', (problem) => InputFileError.of(file, problem));
}

/**
 * Reads stdin to its end.
 *
 * @throws StdinError for bytes that are no UTF-8; the signal's reason.
 */
export async function readStdin(signal: AbortSignal): Promise<string> {
  const bytes = await buffer(addAbortSignal(signal, process.stdin));
  return decode(bytes, (found, cause) => new StdinError(`stdin is ${found}, expected ${EXPECTED}`, { cause }));
}

const EXPECTED = 'a text in UTF-8';

function decode(bytes: Uint8Array, toError: (found: string, cause?: unknown) => Error): string {
  if (isUtf16(bytes)) throw toError('UTF-16');
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    throw toError('no UTF-8', cause);
  }
}
