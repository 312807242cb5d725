// Errors of structured output. A caller's mistake names the place in what was asked for; the others say which limit was
// passed.
import { RoseinferError } from '../util/errors.ts';

/** A structured output that cannot be kept as it was asked for: nothing runs. */
export class StructuredOutputError extends RoseinferError {}

/** A JSON Schema with something that no output could be held to. */
export class UnsupportedSchemaError extends StructuredOutputError {
  /** Place in the schema, as a JSON Pointer in a fragment: `#/properties/name`. */
  readonly path: string;
  /** Keyword at that place; null where the place itself is wrong. */
  readonly keyword: string | null;
  /** Limit that was passed, where there is one. */
  readonly limit: number | null;

  constructor(path: string, keyword: string | null, problem: string, limit: number | null = null, cause?: unknown) {
    super(`schema at ${path}: ${keyword === null ? '' : `${keyword} `}${problem}`, { cause });
    this.path = path;
    this.keyword = keyword;
    this.limit = limit;
  }
}

/** A grammar or regular expression that cannot be read, or has a construct that is not supported. */
export class GrammarSyntaxError extends StructuredOutputError {
  /** Characters before the place. */
  readonly position: number;

  /** @param subject names the text, e.g. `regex`. */
  constructor(subject: string, position: number, problem: string) {
    super(`${subject} at character ${position}: ${problem}`);
    this.position = position;
  }
}

/** A rule of a grammar that no text could follow to an end, or whose first part is the rule itself. */
export class GrammarRuleError extends StructuredOutputError {
  readonly rule: string;

  constructor(rule: string, problem: string) {
    super(`rule ${rule} ${problem}`);
    this.rule = rule;
  }
}

/** A structured output beyond a limit. */
export class GrammarLimitError extends StructuredOutputError {
  readonly value: number;
  readonly limit: number;

  /** @param subject names the quantity, e.g. `characters of the regex`. */
  constructor(subject: string, value: number, limit: number) {
    super(`${subject}: ${value}, expected at most ${limit}`);
    this.value = value;
    this.limit = limit;
  }
}

/** A grammar that was given up: it took too long or too much memory, or the library failed on it. */
export class GrammarFailedError extends StructuredOutputError {}

/** A compiler of grammars that was closed. */
export class GrammarClosedError extends RoseinferError {
  constructor() {
    super('the compiler of grammars is closed');
  }
}
