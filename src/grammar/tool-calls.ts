// The grammar of calls of tools: fixed texts around each, the name one of those that are known, and arguments that fit the tool's schema.
import { RangeValueError } from '../util/errors.ts';
import { isJsonObject } from '../util/json.ts';
import { isRecord } from '../util/keys.ts';
import { type Check, type Checks, checkOptions, checkValue, flag, text as isText } from '../util/option-checks.ts';
import { quote } from '../util/quote.ts';
import { checkGrammar } from './check-grammar.ts';
import { UnsupportedSchemaError } from './errors.ts';
import { choice, type Expression, type Grammar, partsOf, repeat, rule, sequence, text } from './expression.ts';
import { JSON_RULES } from './json-texts.ts';
import { schemaGrammar } from './schema-grammar.ts';

/** Texts around the names and arguments of calls, as a model was trained to write them. */
export interface CallSyntax {
  /** Text that begins calls, and that no other text of an answer has. */
  readonly opening: string;
  /** Text from the opening to the first name. */
  readonly start: string;
  /** Text from a name to its arguments, which are a JSON object. It begins with a quotation mark. */
  readonly beforeArguments: string;
  /** Text from the arguments of a call to the name of the next; null for a model that makes one call at a time. */
  readonly between: string | null;
  /** Text after the arguments of the last call. */
  readonly end: string;
}

/** A tool that may be called. */
export interface CallableTool {
  readonly name: string;
  /** JSON Schema of the arguments, of type `object`. */
  readonly parameters: unknown;
}

/** Form of answers that call tools. */
export interface ToolCallForm {
  readonly syntax: CallSyntax;
  readonly tools: readonly CallableTool[];
  /** Several calls may follow one another, where the syntax has them. */
  readonly isParallel: boolean;
}

/** Names of tools, as in OpenAI's API: nothing that JSON would escape. */
export const TOOL_NAME = /^[a-zA-Z0-9_-]{1,64}$/;
/** Names of tools, for messages. */
export const TOOL_NAME_EXPECTED = '1 to 64 of a-z, A-Z, 0-9, _ and -';

const ROOT = 'root';
const CALL = 'call';

const FORM: Checks<ToolCallForm> = {
  syntax: { expected: 'an object', accepts: isRecord },
  tools: { expected: 'a list of one tool at least', accepts: (value) => Array.isArray(value) && value.length > 0 },
  isParallel: flag,
};
const SYNTAX: Checks<CallSyntax> = {
  opening: isText,
  start: isText,
  beforeArguments: {
    expected: 'a text that begins with a quotation mark',
    accepts: (value) => typeof value === 'string' && value.startsWith('"'),
  },
  between: { expected: 'a text or null', accepts: (value) => value === null || isText.accepts(value) },
  end: isText,
};
const TOOL: Checks<CallableTool> = {
  name: { expected: TOOL_NAME_EXPECTED, accepts: (value) => typeof value === 'string' && TOOL_NAME.test(value) },
  parameters: { expected: 'a JSON Schema of type object', accepts: isRecord },
};

/**
 * Checks the form of answers that call tools, and leaves the schemas unread.
 *
 * @throws RangeValueError
 */
export function checkToolCallForm(form: ToolCallForm): void {
  checkWhole('toolCalls', form, FORM);
  checkWhole('toolCalls.syntax', form.syntax, SYNTAX);
  const names = new Set<string>();
  for (const [index, tool] of form.tools.entries()) {
    const place = `toolCalls.tools[${index}]`;
    checkWhole(place, tool, TOOL);
    if (names.has(tool.name)) throw new RangeValueError(`${place}.name`, tool.name, 'a name of its own');
    names.add(tool.name);
  }
}

/** Checks an object of which no key may be missing. @throws RangeValueError */
function checkWhole(name: string, value: unknown, checks: Readonly<Record<string, Check>>): void {
  checkOptions(name, value, checks);
  for (const [key, check] of Object.entries(checks))
    checkValue(`${name}.${key}`, Reflect.get(Object(value), key), check);
}

/**
 * Makes the grammar of answers that call tools.
 *
 * @throws UnsupportedSchemaError whose path begins with the index of the tool: `#/0/parameters/properties/city`; GrammarLimitError for
 * schemas that are too large together.
 */
export function toolCallGrammar({ syntax, tools, isParallel }: ToolCallForm): Grammar {
  const rules = new Map<string, Expression>(JSON_RULES);
  const calls = tools.map((tool, index) => {
    const { root, rules: own } = renamed(argumentsGrammar(tool, index), `tool${index}.`);
    for (const [name, expression] of own) rules.set(name, expression);
    return sequence(text(`${tool.name}${syntax.beforeArguments}`), rule(root));
  });
  const { opening, start, between, end } = syntax;
  rules.set(CALL, choice(...calls));
  const others = isParallel && between !== null ? [repeat(sequence(text(between), rule(CALL)), 0)] : [];
  rules.set(ROOT, sequence(text(`${opening}${start}`), rule(CALL), ...others, text(end)));
  return checkGrammar({ rules, root: ROOT }, false);
}

function argumentsGrammar({ parameters }: CallableTool, index: number): Grammar {
  const path = `#/${index}/parameters`;
  if (!isJsonObject(parameters) || parameters.type !== 'object') {
    const type: unknown = Reflect.get(Object(parameters), 'type');
    throw new UnsupportedSchemaError(path, 'type', `is ${quote(type)}, expected "object"`);
  }
  try {
    return schemaGrammar(parameters);
  } catch (error) {
    if (!(error instanceof UnsupportedSchemaError)) throw error;
    const { path: inner, keyword, problem, limit, cause } = error;
    throw new UnsupportedSchemaError(`${path}${inner.slice(1)}`, keyword, problem, limit, cause);
  }
}

/** Gives the rules of a grammar names of their own, those aside that all grammars of JSON have. */
function renamed({ root, rules }: Grammar, prefix: string): Grammar {
  const nameOf = (name: string) => (JSON_RULES.has(name) ? name : `${prefix}${name}`);
  const copy = (expression: Expression): Expression => {
    switch (expression.kind) {
      case 'rule':
        return rule(nameOf(expression.name));
      case 'repeat':
        return { ...expression, part: copy(expression.part) };
      case 'sequence':
        return { ...expression, parts: partsOf(expression).map(copy) };
      case 'choice':
        return { ...expression, options: partsOf(expression).map(copy) };
      default:
        return expression;
    }
  };
  const own = rules.entries().filter(([name]) => !JSON_RULES.has(name));
  return { root: nameOf(root), rules: new Map(own.map(([name, each]) => [nameOf(name), copy(each)])) };
}
