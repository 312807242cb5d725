// Files of JSON objects, one a line. They are read as a stream of bytes: memory holds one line and the values of those
// before it, and another encoding than UTF-8 is refused instead of guessed.
import { openInput } from '../../src/terminal/input-file.ts';
import { decodeUtf8, isUtf16 } from '../../src/terminal/read-text.ts';
import { RoseinferError } from '../../src/util/errors.ts';
import { parseJsonObject } from '../../src/util/json.ts';
import { quote } from '../../src/util/quote.ts';

/** Object of a line, its values unchecked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Maker of the error about a line. */
export type LineFault = (problem: string, options?: ErrorOptions) => JsonLinesError;

/** Place of a line in a file; the first is 1. */
export interface LinePlace {
  readonly path: string;
  readonly line: number;
}

/** Error of a file of JSON lines; `line` counts from 1, and is null when the file as a whole is at fault. */
export class JsonLinesError extends RoseinferError {
  readonly path: string;
  readonly line: number | null;

  constructor(path: string, line: number | null, problem: string, options?: ErrorOptions) {
    super(`${path}${line === null ? '' : `, line ${line}`}: ${problem}`, options);
    this.path = path;
    this.line = line;
  }
}

/** Bytes of the longest line: usual ones have hundreds, a prompt of a whole book has millions. */
const MAX_LINE_BYTES = 2 ** 26;
/** Bytes of the longest file that is read whole. */
const MAX_FILE_BYTES = 2 ** 28;
const NEWLINE = 0x0a;

/**
 * Reads a file of JSON objects, one a line, at least one; empty lines and a byte order mark are skipped.
 *
 * @param parse throws what `fault` makes of a problem.
 * @throws JsonLinesError naming file and line, and the signal's reason.
 */
export async function readJsonLines<Value>(
  path: string,
  signal: AbortSignal,
  parse: (object: JsonObject, fault: LineFault, place: LinePlace) => Value,
): Promise<Value[]> {
  const values: Value[] = [];
  let line = 0;
  for await (const bytes of linesOf(path, signal)) {
    const place = { path, line: ++line };
    const fault: LineFault = (problem, options) => new JsonLinesError(path, place.line, problem, options);
    if (line === 1 && isUtf16(bytes)) throw new JsonLinesError(path, null, 'is UTF-16, expected UTF-8');
    const text = decode(bytes, fault);
    if (text.trim() !== '') values.push(parse(parseLine(text, fault), fault, place));
  }
  if (values.length === 0) throw new JsonLinesError(path, null, 'no lines, expected at least 1');
  return values;
}

/**
 * Reads a file of one JSON object; `fault` makes errors about it.
 *
 * @throws JsonLinesError naming the file, and the signal's reason.
 */
export async function readJsonFile(
  path: string,
  signal: AbortSignal,
): Promise<{ readonly object: JsonObject; readonly fault: LineFault }> {
  const fault: LineFault = (problem, options) => new JsonLinesError(path, null, problem, options);
  const chunks: Buffer[] = [];
  let numBytes = 0;
  for await (const chunk of chunksOf(path, signal)) {
    chunks.push(chunk);
    numBytes += chunk.length;
    if (numBytes > MAX_FILE_BYTES) throw fault(`longer than ${MAX_FILE_BYTES} bytes`);
  }
  const object = parseJsonObject(
    decode(Buffer.concat(chunks), fault),
    'the file',
    ({ subject, found, expected, cause }) => fault(`${subject} is ${found}, expected ${expected}`, { cause }),
  );
  return { object, fault };
}

/** Yields the lines of a file as bytes, without their ends. */
async function* linesOf(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let numBytes = 0;
  let line = 1;
  const add = (bytes: Buffer) => {
    rest.push(bytes);
    numBytes += bytes.length;
    if (numBytes > MAX_LINE_BYTES) throw new JsonLinesError(path, line, `longer than ${MAX_LINE_BYTES} bytes`);
  };
  for await (const chunk of chunksOf(path, signal)) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end));
      yield Buffer.concat(rest);
      [rest, numBytes, start] = [[], 0, end + 1];
      line++;
    }
    add(chunk.subarray(start));
  }
  yield Buffer.concat(rest);
}

async function* chunksOf(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* await openInput(path, signal);
  } catch (cause) {
    signal.throwIfAborted();
    const code = cause instanceof Error && 'code' in cause ? cause.code : cause;
    throw new JsonLinesError(path, null, `${code}, expected a file that can be read`, { cause });
  }
}

function decode(bytes: Buffer, fault: LineFault): string {
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    throw fault('invalid UTF-8, expected text', { cause });
  }
}

/** Parses an object that has each key once. */
function parseLine(text: string, fault: LineFault): JsonObject {
  return parseJsonObject(text, 'line', ({ subject, found, expected, cause }) =>
    subject === 'line'
      ? fault(`${quote(text.trim())} is no JSON object, expected one a line`, { cause })
      : fault(`${subject} is ${found}, expected ${expected}`, { cause }),
  );
}
