import yargs, { type Argv } from 'yargs';
import { RoseinferError } from '../util/errors.ts';

/** A command line that can't be understood. */
export class UsageError extends RoseinferError {}

/**
 * A strict parser: an unknown flag, a missing value or a stray argument is a UsageError. Values stay text until the
 * `coerce` of their flag has checked them. Nothing but help and version is printed, and the process goes on.
 */
export function createParser(argv: readonly string[]): Argv {
  return yargs([...argv])
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .locale('en')
    .updateStrings({ 'Not enough arguments following: %s': '--%s has no value, expected one' })
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      // A command's own error comes without a message.
      throw message === null ? error : new UsageError(message, { cause: error });
    });
}
