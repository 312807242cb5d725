// The ways in which models write calls of tools. A model's template shows to its model how calls look, and so it shows which row is
// meant; a new way is a row more.
import { createHash } from 'node:crypto';
import type { CallSyntax } from '../grammar/tool-calls.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';

/** A way to write calls. */
export interface CallFormat {
  readonly name: string;
  readonly syntax: CallSyntax;
  /** Only the start of an answer may be the opening: further on it is text. */
  readonly isAtStart: boolean;
  /** Length of the ids of calls that the template takes; null where any will do. */
  readonly idLength: number | null;
}

interface Row extends CallFormat {
  /** Text of templates that write calls in this way. */
  readonly pattern: RegExp;
}

const OBJECT = { beforeArguments: '", "arguments": ' } as const;
/** Length of ids in the templates of Mistral, which refuse others. */
const SHORT_ID = 9;

/** The first row whose pattern a template has is its own. */
const ROWS: readonly Row[] = [
  {
    name: 'SmolLM2: a list between tags',
    pattern: /<tool_call>(?:\s|\\n)*\[/,
    syntax: {
      ...OBJECT,
      opening: '<tool_call>',
      start: '[{"name": "',
      between: '}, {"name": "',
      end: '}]</tool_call>',
    },
    isAtStart: false,
    idLength: null,
  },
  {
    name: 'Hermes and Qwen: an object between tags',
    pattern: /<tool_call>(?!(?:\s|\\n)*<function)/,
    syntax: {
      ...OBJECT,
      opening: '<tool_call>',
      start: '\n{"name": "',
      between: '}\n</tool_call>\n<tool_call>\n{"name": "',
      end: '}\n</tool_call>',
    },
    isAtStart: false,
    idLength: null,
  },
  {
    name: 'Mistral: a list after a token and a space',
    pattern: /\[TOOL_CALLS\] \[/,
    syntax: { ...OBJECT, opening: '[TOOL_CALLS]', start: ' [{"name": "', between: '}, {"name": "', end: '}]' },
    isAtStart: false,
    idLength: SHORT_ID,
  },
  {
    name: 'Mistral: a list after a token',
    pattern: /\[TOOL_CALLS\]\[/,
    syntax: { ...OBJECT, opening: '[TOOL_CALLS]', start: '[{"name": "', between: '}, {"name": "', end: '}]' },
    isAtStart: false,
    idLength: SHORT_ID,
  },
  {
    name: 'Llama 3: an object that is the whole answer',
    pattern: /\{"name": function name, "parameters"/,
    syntax: {
      opening: '{"name": "',
      start: '',
      beforeArguments: '", "parameters": ',
      between: null,
      end: '}',
    },
    isAtStart: true,
    idLength: null,
  },
];

/** Finds the way in which a template writes calls; null for one that knows no tools, or writes calls in a way that is not known here. */
export function findCallFormat(source: string | undefined): CallFormat | null {
  if (source === undefined || !knowsTools(source)) return null;
  const row = ROWS.find(({ pattern }) => pattern.test(source));
  if (row === undefined) return null;
  const { pattern: _, ...format } = row;
  return format;
}

/** Tells whether a template does something with tools. */
export function knowsTools(source: string): boolean {
  // One after the other: from each bracket to the end of a text would take long where none is closed.
  return source.matchAll(/\{[{%][^}]*/g).some(([code]) => /\btools\b/.test(code));
}

/** Gives calls and their results ids of the length that a template takes: the same for the same id. */
export function withTemplateIds(messages: readonly ChatMessage[], { idLength }: CallFormat): readonly ChatMessage[] {
  if (idLength === null) return messages;
  const short = (id: string) =>
    /^[a-zA-Z0-9]+$/.test(id) && id.length === idLength
      ? id
      : createHash('sha256').update(id).digest('hex').slice(0, idLength);
  return messages.map(({ toolCalls, toolCallId, ...message }) => ({
    ...message,
    ...(toolCalls !== undefined && { toolCalls: toolCalls.map((call) => ({ ...call, id: short(call.id) })) }),
    ...(toolCallId !== undefined && { toolCallId: short(toolCallId) }),
  }));
}
