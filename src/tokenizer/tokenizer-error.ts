// The one error of tokenizer files, which names the file; it stands apart so that each parser can throw it.
import { ModelFileError, quoteJson } from '../util/model-file-error.ts';

/** A tokenizer file that can't be read or contradicts itself, or describes a tokenizer that is none of those here. */
export class TokenizerError extends ModelFileError {}

/** Makes the error of a value in a tokenizer file. */
export type Refuse = (subject: string, value: unknown, expected: string) => TokenizerError;

/** @param path of the file that the errors name. */
export function refuseIn(path: string): Refuse {
  return (subject, value, expected) => new TokenizerError(path, { subject, found: quoteJson(value), expected });
}
