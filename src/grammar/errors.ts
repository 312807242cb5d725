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
  /** Fault at that place, in words. */
  readonly problem: string;

  constructor(path: string, keyword: string | null, problem: string, limit: number | null = null, cause?: unknown) {
    super(`schema at ${path}: ${keyword === null ? '' : `${keyword} `}${problem}`, { cause });
    this.path = path;
    this.keyword = keyword;
    this.limit = limit;
    this.problem = problem;
  }
}

/** A grammar or regular expression that cannot be read, or has a construct that is not supported. */
export class GrammarSyntaxError extends StructuredOutputError {
  /** Characters before the place. */
  readonly position: number;
  /** Name of the text: `regex`, `grammar`. */
  readonly subject: string;
  /** Fault at that place, in words. */
  readonly problem: string;

  constructor(subject: string, position: number, problem: string) {
    super(`${subject} at character ${position}: ${problem}`);
    this.position = position;
    this.subject = subject;
    this.problem = problem;
  }
}

/** A rule of a grammar that no text could follow to an end, or whose first part is the rule itself. */
export class GrammarRuleError extends StructuredOutputError {
  readonly rule: string;
  /** Fault at that place, in words. */
  readonly problem: string;

  constructor(rule: string, problem: string) {
    super(`rule ${rule} ${problem}`);
    this.rule = rule;
    this.problem = problem;
  }
}

/** A structured output beyond a limit. */
export class GrammarLimitError extends StructuredOutputError {
  readonly value: number;
  readonly limit: number;
  /** Name of the quantity: `characters of the regex`. */
  readonly subject: string;

  constructor(subject: string, value: number, limit: number) {
    super(`${subject}: ${value}, expected at most ${limit}`);
    this.value = value;
    this.limit = limit;
    this.subject = subject;
  }
}

/** A grammar that was given up: it took too long or too much memory, reads texts in too many ways, or the library failed on it. */
export class GrammarFailedError extends StructuredOutputError {}

/** A compiler of grammars that was closed. */
export class GrammarClosedError extends RoseinferError {
  constructor() {
    super('the compiler of grammars is closed');
  }
}

/** An error of a caller's structured output as data, which passes from thread to thread. */
export type Refusal =
  | { readonly kind: 'output' | 'failed'; readonly message: string }
  | ({ readonly kind: 'schema'; readonly cause: Refusal | null } & Pick<
      UnsupportedSchemaError,
      'path' | 'keyword' | 'problem' | 'limit'
    >)
  | ({ readonly kind: 'syntax' } & Pick<GrammarSyntaxError, 'subject' | 'position' | 'problem'>)
  | ({ readonly kind: 'rule' } & Pick<GrammarRuleError, 'rule' | 'problem'>)
  | ({ readonly kind: 'limit' } & Pick<GrammarLimitError, 'subject' | 'value' | 'limit'>);

/** Makes the data of an error; null for one that is about no structured output. */
export function refusalOf(error: unknown): Refusal | null {
  if (error instanceof UnsupportedSchemaError) {
    const { path, keyword, problem, limit, cause } = error;
    return { kind: 'schema', path, keyword, problem, limit, cause: refusalOf(cause) };
  }
  if (error instanceof GrammarSyntaxError) {
    const { subject, position, problem } = error;
    return { kind: 'syntax', subject, position, problem };
  }
  if (error instanceof GrammarRuleError) return { kind: 'rule', rule: error.rule, problem: error.problem };
  if (error instanceof GrammarLimitError) {
    const { subject, value, limit } = error;
    return { kind: 'limit', subject, value, limit };
  }
  if (error instanceof GrammarFailedError) return { kind: 'failed', message: error.message };
  return error instanceof StructuredOutputError ? { kind: 'output', message: error.message } : null;
}

/** Makes an error of its data. */
export function errorOfRefusal(refusal: Refusal): StructuredOutputError {
  switch (refusal.kind) {
    case 'schema': {
      const { path, keyword, problem, limit, cause } = refusal;
      return new UnsupportedSchemaError(
        path,
        keyword,
        problem,
        limit,
        cause === null ? undefined : errorOfRefusal(cause),
      );
    }
    case 'syntax':
      return new GrammarSyntaxError(refusal.subject, refusal.position, refusal.problem);
    case 'rule':
      return new GrammarRuleError(refusal.rule, refusal.problem);
    case 'limit':
      return new GrammarLimitError(refusal.subject, refusal.value, refusal.limit);
    case 'failed':
      return new GrammarFailedError(refusal.message);
    case 'output':
      return new StructuredOutputError(refusal.message);
  }
}
