// A structured output as callers ask for it, and its grammar: every kind becomes expressions, which are checked and kept alike.
import { RangeValueError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';
import { type Checks, checkOptions, text as isText } from '../util/option-checks.ts';
import { checkGrammar } from './check-grammar.ts';
import { GrammarLimitError, StructuredOutputError } from './errors.ts';
import { character, choice, type Expression, type Grammar, text } from './expression.ts';
import { ANY_OBJECT, JSON_RULES } from './json-texts.ts';
import { parseEbnf } from './parse-ebnf.ts';
import { parseRegex } from './parse-regex.ts';
import { schemaGrammar } from './schema-grammar.ts';
import { checkToolCallForm, type ToolCallForm, toolCallGrammar } from './tool-calls.ts';

/** A form that a text is held to: one of these keys. */
export interface StructuredOutput {
  /** JSON Schema, as an object or a boolean, that the text as JSON fits. */
  readonly json?: unknown;
  /** The text is a JSON object. */
  readonly jsonObject?: true | undefined;
  /** Grammar in EBNF whose rule `root` is the whole text. */
  readonly grammar?: string | undefined;
  /** Regular expression that the whole text matches. */
  readonly regex?: string | undefined;
  /** The text is one of these. */
  readonly choice?: readonly string[] | undefined;
  /** The text calls tools, in the syntax of a model. */
  readonly toolCalls?: ToolCallForm | undefined;
}

/** Texts of a `choice`, at most. */
const MAX_CHOICES = 10_000;
const ROOT = 'root';

const STRUCTURED_OUTPUT: Checks<StructuredOutput> = {
  json: {
    expected: 'a JSON Schema: an object, true or false',
    accepts: (value) => typeof value === 'boolean' || isRecord(value),
  },
  jsonObject: { expected: 'true, or left out', accepts: (value) => value === true },
  grammar: isText,
  regex: isText,
  choice: {
    expected: 'a list of texts, none empty',
    accepts: (value) =>
      // A list may have holes, which its own methods pass over.
      Array.isArray(value) && value.length > 0 && [...value].every((each) => typeof each === 'string' && each !== ''),
  },
  toolCalls: { expected: 'an object with syntax and tools', accepts: isRecord },
};

/**
 * Checks that a value is an object with one of the keys of a structured output, and leaves unread what it asks for.
 *
 * @throws RangeValueError
 */
function checkStructuredOutput(output: StructuredOutput): void {
  checkOptions('structuredOutput', output, STRUCTURED_OUTPUT);
  const { json, jsonObject, grammar, regex, choice: texts, toolCalls } = output;
  const given = [json, jsonObject, grammar, regex, texts, toolCalls].filter((value) => value !== undefined);
  if (given.length !== 1) {
    const names = Object.keys(STRUCTURED_OUTPUT).join(', ');
    throw new RangeValueError('number of keys of structuredOutput', given.length, `1 of ${names}`);
  }
  if (toolCalls !== undefined) checkToolCallForm(toolCalls);
}

/** Checks what another thread sees of an output, and gives it; null where no thread takes it. @throws RangeValueError */
export function checkedCopy(output: StructuredOutput): StructuredOutput | null {
  const copy = cloneOf(output);
  checkStructuredOutput(copy ?? output);
  return copy;
}

/**
 * Makes the grammar of a structured output.
 *
 * @throws RangeValueError for anything but an object with one of its keys; StructuredOutputError of the kind that fits for
 * what cannot be kept.
 */
export function grammarOf(output: StructuredOutput): Grammar {
  checkStructuredOutput(output);
  const { json, jsonObject, grammar, regex, choice: texts, toolCalls } = output;
  if (toolCalls !== undefined) return toolCallGrammar(toolCalls);
  if (json !== undefined) return schemaGrammar(json);
  if (jsonObject) return withRoot(ANY_OBJECT, JSON_RULES);
  if (grammar !== undefined) return checkGrammar(parseEbnf(grammar), true);
  if (regex !== undefined) return withRoot(parseRegex(regex, { subject: 'regex', isSearch: false, character }));
  return choiceGrammar(texts ?? []);
}

function choiceGrammar(texts: readonly string[]): Grammar {
  if (texts.length > MAX_CHOICES) throw new GrammarLimitError('texts of choice', texts.length, MAX_CHOICES);
  const index = texts.findIndex((each) => !each.isWellFormed());
  if (index !== -1) throw new StructuredOutputError(`choice ${index} has half of a surrogate pair`);
  return withRoot(choice(...texts.map(text)));
}

function withRoot(root: Expression, rules: Grammar['rules'] = new Map()): Grammar {
  return checkGrammar({ rules: new Map([...rules, [ROOT, root]]), root: ROOT }, true);
}

function cloneOf(output: StructuredOutput): StructuredOutput | null {
  try {
    return structuredClone(output);
  } catch {
    return null;
  }
}
