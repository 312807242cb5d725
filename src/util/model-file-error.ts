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

/** Shows a JSON value on one short line; `undefined`, which JSON does not have, is a key that is missing. */
export function quoteJson(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return quote(value);
  return clip(JSON.stringify(value) ?? 'missing');
}
