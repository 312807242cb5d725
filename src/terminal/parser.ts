// The one set-up of yargs: it only applies the flags' tables to words that are unambiguous by then, and never prints an
// error or ends the process itself.
import yargs, { type Argv } from 'yargs';
import { UsageError } from './flag-words.ts';

/**
 * Makes a strict parser of words in which `joinFlagValues` has joined flags and values. Values stay text until the `coerce`
 * of their flag has checked them. The parser prints help and version only, and does not end the process.
 */
export function createParser(words: readonly string[]): Argv {
  return yargs([...words])
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .locale('en')
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      // A command's own error comes without a message.
      throw message === null ? error : new UsageError(message, { cause: error });
    });
}
