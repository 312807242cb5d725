// Text files in UTF-8. Other bytes are refused: Node's own decoding would replace them by U+FFFD without a word.
import { buffer } from 'node:stream/consumers';
import { RoseinferError } from '../../src/util/errors.ts';
import { quote } from '../../src/util/quote.ts';
import { openInput } from './input-file.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Decodes bytes, skipping a byte order mark. @throws TypeError when they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Tells whether a file starts as UTF-16 does: with its byte order mark, or a first character with a zero byte. */
export function isUtf16(bytes: Uint8Array): boolean {
  const [first, second] = bytes;
  const isMarked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return isMarked || first === 0 || second === 0;
}

/** Error of a flag's text file that can't be used. */
class TextFileError extends RoseinferError {
  readonly flag: string;
  readonly path: string;

  constructor(flag: string, path: string, found: string, options: ErrorOptions) {
    super(`${flag} is ${quote(path)} (${found}), expected a text file in UTF-8`, options);
    this.flag = flag;
    this.path = path;
  }
}

/**
 * Reads a text file that a flag names.
 *
 * @throws TextFileError when it can't be read or is not UTF-8, and the signal's reason.
 */
export async function readText(flag: string, path: string, signal: AbortSignal): Promise<string> {
  const bytes = await openInput(path, signal)
    .then(buffer)
    .catch((cause: NodeJS.ErrnoException) => {
      signal.throwIfAborted();
      throw new TextFileError(flag, path, String(cause.code), { cause });
    });
  if (isUtf16(bytes)) throw new TextFileError(flag, path, 'UTF-16', {});
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    throw new TextFileError(flag, path, 'invalid UTF-8', { cause });
  }
}
