// Tools in a chat: those that the model is told of, the calls that it made, and their form in a template, which is that of
// transformers.
import { isRecord } from '../util/keys.ts';
import { type Check, type Checks, checkOptions, checkValue, text } from '../util/option-checks.ts';

/** A tool that a chat's model may call. */
export interface ChatTool {
  readonly name: string;
  /** Purpose of it, in words. */
  readonly description?: string | undefined;
  /** JSON Schema of its arguments, an object. */
  readonly parameters?: object | undefined;
}

/** A call that an answer made. */
export interface ChatToolCall {
  /** Name of the call, by which its result refers to it. */
  readonly id: string;
  /** Name of the tool. */
  readonly name: string;
  readonly arguments: object;
}

const record: Check = { expected: 'an object', accepts: isRecord };
const TOOL: Checks<ChatTool> = { name: text, description: text, parameters: record };
const CALL: Checks<ChatToolCall> = { id: text, name: text, arguments: record };
const list: Check = { expected: 'a list', accepts: Array.isArray };

/** Checks tools. @throws RangeValueError */
export function checkTools(name: string, tools: unknown): void {
  checkValue(name, tools, list);
  for (const [index, tool] of Array.from<unknown>(Object(tools)).entries()) {
    checkOptions(`${name}[${index}]`, tool, TOOL);
    checkValue(`${name}[${index}].name`, Reflect.get(Object(tool), 'name'), text);
  }
}

/** Checks the calls of a message. @throws RangeValueError */
export function checkCalls(name: string, calls: readonly unknown[]): void {
  for (const [index, call] of calls.entries()) {
    const place = `${name}[${index}]`;
    checkOptions(place, call, CALL);
    for (const [key, check] of Object.entries(CALL))
      checkValue(`${place}.${key}`, Reflect.get(Object(call), key), check);
  }
}

/** Makes the values of tools for a template; null for none. */
export function toolValues(tools: readonly ChatTool[], exchange: (text: string) => string): unknown {
  if (tools.length === 0) return null;
  return tools.map(({ name, description, parameters }) => ({
    type: 'function',
    function: exchangeAll({ name, description, parameters }, exchange),
  }));
}

/** Parts of messages that tools bring. */
interface ToolParts {
  readonly toolCalls?: readonly ChatToolCall[] | undefined;
  readonly toolCallId?: string | undefined;
}

/** Makes the values of a message's parts for a template; those that it has not are not there, as templates ask for. */
export function partValues(
  { toolCalls = [], toolCallId }: ToolParts,
  names: ReadonlyMap<string, string>,
  exchange: (text: string) => string,
): object {
  const calls = toolCalls.map(({ id, name, arguments: given }) => ({
    id: exchange(id),
    type: 'function',
    function: exchangeAll({ name, arguments: given }, exchange),
  }));
  const name = toolCallId === undefined ? undefined : names.get(toolCallId);
  return {
    ...(calls.length > 0 && { tool_calls: calls }),
    ...(toolCallId !== undefined && { tool_call_id: exchange(toolCallId) }),
    ...(name !== undefined && { name: exchange(name) }),
  };
}

/** Exchanges the texts in a value of JSON, keys included. */
function exchangeAll(value: unknown, exchange: (text: string) => string): unknown {
  if (typeof value === 'string') return exchange(value);
  if (Array.isArray(value)) return value.map((each) => exchangeAll(each, exchange));
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries.map(([key, each]) => [exchange(key), exchangeAll(each, exchange)]));
}
