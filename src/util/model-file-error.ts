// The base of errors about the files of a model directory: one class catches them all.
import { RoseinferError } from './errors.ts';
import { clip, quote } from './quote.ts';

/** Fault of a model file; reads as "subject is found, expected expected". */
export interface Problem {
  /** The tensor concerned, when there is one. */
  readonly tensor?: string;
  /** The part of the file or the key. */
  readonly subject: string;
  /** A number, or a phrase for a message; values that come from a file are passed through `quoteJson`. */
  readonly found: string | number | bigint;
  readonly expected: string;
  readonly cause?: unknown;
}

/** A file or directory of a model that can't be used. */
export class ModelFileError extends RoseinferError {
  readonly path: string;
  readonly tensor: string | undefined;
  readonly subject: string;
  readonly found: string | number | bigint;
  readonly expected: string;

  constructor(path: string, { tensor, subject, found, expected, cause }: Problem) {
    const where = tensor === undefined ? path : `${path}: tensor ${quote(tensor)}`;
    super(`${where}: ${subject} is ${found}, expected ${expected}`, { cause });
    this.path = path;
    this.tensor = tensor;
    this.subject = subject;
    this.found = found;
    this.expected = expected;
  }
}

/** Most elements of a list that are looked at: more than a short line has room for. */
const MAX_ELEMENTS = 100;

/**
 * Shows a value of a model file on one short line: JSON, or what the metadata of a GGUF file has besides, lists of numbers and
 * integers beyond 2^53. `undefined` is a key that is missing.
 */
export function quoteJson(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return quote(value);
  if (isTypedArray(value)) return quote(Iterator.from(value).take(MAX_ELEMENTS).toArray());
  return clip(JSON.stringify(Array.isArray(value) ? value.slice(0, MAX_ELEMENTS) : value) ?? 'missing');
}

function isTypedArray(value: unknown): value is Iterable<number | bigint> {
  return ArrayBuffer.isView(value) && Symbol.iterator in value;
}
