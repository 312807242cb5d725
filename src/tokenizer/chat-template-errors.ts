// Errors of chat templates. A refusal is the template's own word about the messages, so that callers can tell it from a fault.
import { RoseinferError } from '../util/errors.ts';
import { ModelFileError, quoteJson } from '../util/model-file-error.ts';
import { clip } from '../util/quote.ts';

/** A chat template that can't be used: malformed, or one that loops, takes all memory, or calls what does not exist. */
export class ChatTemplateError extends ModelFileError {}

/** Messages that a chat template refuses, such as two of the user in a row. */
export class ChatTemplateRefusal extends RoseinferError {
  readonly path: string;
  /** The template's message. */
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(`${path}: chat template refuses the messages: ${clip(reason.replaceAll(/\s+/g, ' '))}`);
    this.path = path;
    this.reason = reason;
  }
}

/** Makes the error of a value where a template was expected. */
export function refuseTemplate(path: string, subject: string, value: unknown, expected: string): ChatTemplateError {
  return new ChatTemplateError(path, { subject, found: quoteJson(value), expected });
}
