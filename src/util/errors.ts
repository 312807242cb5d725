// The base of all errors of the package, and the one for a value out of range.
import { quote } from './quote.ts';

/**
 * Root of every error the project throws on purpose. Its message is one line that names the thing, the value and what
 * was expected; command-line tools print that line alone.
 */
export class RoseinferError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A value outside its documented range. */
export class RangeValueError extends RoseinferError {
  readonly parameter: string;
  readonly value: unknown;
  readonly expected: string;

  constructor(parameter: string, value: unknown, expected: string) {
    super(`${parameter} is ${quote(value)}, expected ${expected}`);
    this.parameter = parameter;
    this.value = value;
    this.expected = expected;
  }
}
