import { RoseinferError } from '../util/errors.ts';

/** What is wrong in a model file; reads as "subject is found, expected expected". */
export interface Problem {
  /** The tensor concerned, when there is one. */
  readonly tensor?: string;
  /** The part of the file or the key. */
  readonly subject: string;
  /** A number, or a phrase for a message; values that come from a file are passed through `quote`. */
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

const MAX_QUOTED_LENGTH = 100;

/** A JSON value as one short line for a message; `undefined` is "missing". */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length <= MAX_QUOTED_LENGTH ? text : `${text.slice(0, MAX_QUOTED_LENGTH)}…`;
}

/** Why a file could not be opened or read. */
export function fileProblem(error: NodeJS.ErrnoException, expected: string): Problem {
  const found = error.code === 'ENOENT' ? 'missing' : `unreadable (${error.code})`;
  return { subject: 'file', found, expected, cause: error };
}
