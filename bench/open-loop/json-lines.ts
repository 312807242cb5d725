import { readFile } from 'node:fs/promises';
import { RoseinferError } from '../../src/util/errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Makes the error that says what is wrong with a line. */
export type LineFault = (problem: string) => JsonLinesError;

/** A file of JSON lines that can't be used; `line` counts from 1 and is null when the file as a whole is at fault. */
export class JsonLinesError extends RoseinferError {
  readonly path: string;
  readonly line: number | null;

  constructor(path: string, line: number | null, problem: string, options?: ErrorOptions) {
    super(`${path}${line === null ? '' : `, line ${line}`}: ${problem}`, options);
    this.path = path;
    this.line = line;
  }
}

/**
 * Reads a file of JSON objects, one a line, at least one; empty lines are skipped.
 *
 * @param parse throws what `fault` makes of a problem.
 * @throws JsonLinesError naming file and line.
 */
export async function readJsonLines<Value>(
  path: string,
  parse: (object: JsonObject, fault: LineFault) => Value,
): Promise<Value[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new JsonLinesError(path, null, `${cause.code}, expected a file that can be read`, { cause });
  });
  const values = text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const fault = (problem: string) => new JsonLinesError(path, index + 1, problem);
    return [parse(parseObject(line, fault), fault)];
  });
  if (values.length === 0) throw new JsonLinesError(path, null, 'no lines, expected at least 1');
  return values;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseObject(line: string, fault: LineFault): JsonObject {
  try {
    const value: unknown = JSON.parse(line);
    if (isJsonObject(value)) return value;
  } catch {
    // The message is the same as for JSON that is no object.
  }
  throw fault(`${shorten(line)} is no JSON object, expected one a line`);
}

/** Characters of a value that a message shows. */
const SHOWN = 40;

/** A value's text, cut where it gets long. */
export function shorten(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
