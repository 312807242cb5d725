// Parameters of tools: what may be called, what has to be, and the names and schemas of it. Chats nest a function in its tool, responses
// have its fields beside its type; what comes of both is the same.
import { z } from 'zod';
import { TOOL_NAME, TOOL_NAME_EXPECTED } from '../../grammar/tool-calls.ts';
import type { ChatTool } from '../../tokenizer/chat-tools.ts';
import { isRecord } from '../../util/keys.ts';
import { quote } from '../../util/quote.ts';
import { invalidParameter } from '../api-error.ts';
import { flagValue, objectError, textValue } from './kinds.ts';
import { supported } from './row.ts';

/** Most tools of a call, as in OpenAI's API. */
const MAX_TOOLS = 128;
/** Schema of the arguments of a tool that has none. */
const NO_PARAMETERS = { type: 'object', properties: {}, additionalProperties: false } as const;

const nameValue = z.string({ error: TOOL_NAME_EXPECTED }).regex(TOOL_NAME, { error: TOOL_NAME_EXPECTED });
const parametersValue = z.custom<object>(isRecord, { error: 'a JSON Schema of type object' });
const functionFields = {
  name: nameValue,
  description: textValue.optional(),
  parameters: parametersValue.optional(),
  // Arguments always fit the schema.
  strict: flagValue.optional(),
};
const functionType = z.literal('function', { error: '"function"' });
const functionExpected = 'an object with name, description, parameters, strict';
const toolsExpected = `a list of up to ${MAX_TOOLS} tools of type function`;
const choices = ['none', 'auto', 'required'] as const;

/** Choice of a tool, in the one form of both endpoints. */
export type ToolChoice = (typeof choices)[number] | { readonly name: string };

/** Tools of a call that may be called. */
export interface WantedTools {
  readonly tools: readonly (ChatTool & { readonly parameters: object })[];
  readonly choice: Exclude<ToolChoice, 'none'>;
  readonly isParallel: boolean;
  /** Way from a tool to the schema of its arguments. */
  readonly path: string;
}

/** Schema of a list of tools. */
function toolsValue<S extends z.ZodType>(tool: S) {
  return z.array(tool, { error: toolsExpected }).max(MAX_TOOLS, { error: toolsExpected });
}

/** Schema of a choice: a word, or an object that names a tool. */
function choiceValue<S extends z.ZodType>(named: S) {
  const error = `one of ${choices.join(', ')}, or an object that names a function`;
  return z.union([z.enum(choices), named], { error });
}

const rows = {
  tools: {
    expected: toolsExpected,
    meaning: '[functions](#tools) that the answer may call, for models whose template knows tools',
    examples: [[]],
  },
  choice: {
    expected: '`none`, `auto`, `required`, or the name of a tool',
    meaning: 'call no tool, those that the model wants, at least one, or one; `auto` where there are tools',
    examples: ['none', 'auto'],
  },
  parallel: {
    expected: '`true` or `false`',
    meaning: 'several calls in an answer, where the model writes them; `true` where it is absent',
    examples: [true, false],
  },
};
const parallelValue = supported(flagValue, rows.parallel);

/** Parameters of tools of `/v1/chat/completions`. */
export const chatToolShape = {
  tools: supported(
    toolsValue(
      z.strictObject(
        {
          type: functionType,
          function: z.strictObject(functionFields, { error: objectError(functionExpected) }),
        },
        { error: objectError('an object with type and function') },
      ),
    ),
    {
      ...rows.tools,
      expected: `up to ${MAX_TOOLS} of \`type\` \`function\` with \`function\`: \`name\`, \`description\`, \`parameters\`, \`strict\``,
    },
  ),
  tool_choice: supported(
    choiceValue(z.strictObject({ type: functionType, function: z.strictObject({ name: nameValue }) })),
    {
      ...rows.choice,
      expected: '`none`, `auto`, `required`, or `type` `function` with the `name` of a `function`',
    },
  ),
  parallel_tool_calls: parallelValue,
} as const;

/** Parameters of tools of `/v1/responses`. */
export const responseToolShape = {
  tools: supported(
    toolsValue(z.strictObject({ type: functionType, ...functionFields }, { error: objectError(functionExpected) })),
    {
      ...rows.tools,
      expected: `up to ${MAX_TOOLS} of \`type\` \`function\` with \`name\`, \`description\`, \`parameters\`, \`strict\``,
    },
  ),
  tool_choice: supported(choiceValue(z.strictObject({ type: functionType, name: nameValue })), {
    ...rows.choice,
    expected: '`none`, `auto`, `required`, or `type` `function` with a `name`',
  }),
  parallel_tool_calls: parallelValue,
} as const;

/** Fields of a function. */
interface FunctionFields {
  readonly name: string;
  readonly description?: string | undefined;
  readonly parameters?: object | undefined;
}

interface ChatToolValues {
  readonly tools?: readonly { readonly function: FunctionFields }[] | undefined;
  readonly tool_choice?: (typeof choices)[number] | { readonly function: { readonly name: string } } | undefined;
  readonly parallel_tool_calls?: boolean | undefined;
}

interface ResponseToolValues {
  readonly tools?: readonly FunctionFields[] | undefined;
  readonly tool_choice?: ToolChoice | undefined;
  readonly parallel_tool_calls?: boolean | undefined;
}

/**
 * Finds the tools that the answer to a chat may call; null for none.
 *
 * @throws ApiError for two tools of a name, and for a choice of a tool that is not there.
 */
export function wantedChatTools(values: ChatToolValues): WantedTools | null {
  const { tools = [], tool_choice: choice, parallel_tool_calls: isParallel = true } = values;
  const named = typeof choice === 'object' ? { name: choice.function.name } : choice;
  const functions = tools.map(({ function: fields }) => fields);
  return wantedTools(functions, named, { isParallel, path: 'function.' });
}

/** Finds the tools that a response may call, as `wantedChatTools` does. */
export function wantedResponseTools(values: ResponseToolValues): WantedTools | null {
  const { tools = [], tool_choice: choice, parallel_tool_calls: isParallel = true } = values;
  return wantedTools(tools, choice, { isParallel, path: '' });
}

function wantedTools(
  functions: readonly FunctionFields[],
  choice: ToolChoice | undefined,
  { isParallel, path }: Pick<WantedTools, 'isParallel' | 'path'>,
): WantedTools | null {
  const names = new Set<string>();
  for (const [index, { name }] of functions.entries()) {
    const place = `tools[${index}].${path}name`;
    if (names.has(name)) throw invalidParameter(place, `${place} is ${quote(name)}, expected a name of its own`);
    names.add(name);
  }
  const place = typeof choice === 'object' ? `tool_choice.${path}name` : 'tool_choice';
  const wanted = typeof choice === 'object' ? choice.name : choice;
  if (typeof choice === 'object' && !names.has(choice.name)) {
    const expected = names.size === 0 ? 'tools' : `one of ${[...names].join(', ')}`;
    throw invalidParameter(place, `${place} is ${quote(wanted)}, expected ${expected}`);
  }
  if (choice === 'required' && names.size === 0) {
    throw invalidParameter(place, `${place} is "required" without tools, expected both`);
  }
  if (names.size === 0 || choice === 'none') return null;
  return {
    tools: functions.map(({ name, description, parameters = NO_PARAMETERS }) => ({ name, description, parameters })),
    choice: choice ?? 'auto',
    isParallel,
    path: `${path}parameters`,
  };
}
