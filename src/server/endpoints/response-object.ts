// A response in the shape of OpenAI's Responses API.
import type { ToolCall } from '../../tools/call-reader.ts';
import type { ApiFinishReason } from '../generation/outcome.ts';

/** Fields of a response that are known when its call has been read. */
export interface ResponseFields {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly fingerprint: string;
  readonly seed: number;
  readonly instructions: string | null;
  readonly maxTokens: number | null;
  readonly previousId: string | null;
  readonly temperature: number;
  readonly topP: number;
  readonly store: boolean;
  /** Form of the text, as the call has it. */
  readonly format: unknown;
  /** Tools and their choice, as the call has them. */
  readonly tools: unknown;
  readonly toolChoice: unknown;
  readonly isParallel: boolean;
  readonly metadata: unknown;
  readonly user: unknown;
}

/** The end of a response. */
export interface ResponseEnd {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly reason: ApiFinishReason;
  readonly usage: object;
}

/** Makes a response; one that is under way has no end. */
export function responseObject(fields: ResponseFields, end?: ResponseEnd) {
  const { id, created, model, fingerprint, seed, temperature, topP, store } = fields;
  const isWhole = end?.reason === 'stop';
  return {
    id,
    object: 'response',
    created_at: created,
    status: end === undefined ? 'in_progress' : isWhole ? 'completed' : 'incomplete',
    error: null,
    incomplete_details: end === undefined || isWhole ? null : { reason: incompleteReason(end.reason) },
    instructions: fields.instructions,
    max_output_tokens: fields.maxTokens,
    model,
    output: end === undefined ? [] : outputItems(id, end),
    output_text: end?.text ?? '',
    parallel_tool_calls: fields.isParallel,
    previous_response_id: fields.previousId,
    reasoning: { effort: null, summary: null },
    store,
    temperature,
    text: { format: fields.format },
    tool_choice: fields.toolChoice,
    tools: fields.tools,
    top_p: topP,
    truncation: 'disabled',
    usage: end?.usage ?? null,
    user: fields.user,
    metadata: fields.metadata,
    system_fingerprint: fingerprint,
    seed,
  };
}

/** Makes the items of an answer: its message, unless it is calls alone, and its calls. */
function outputItems(responseId: string, { text, calls, reason }: ResponseEnd): object[] {
  const message = text === '' && calls.length > 0 ? [] : [messageItem(responseId, { text, reason })];
  return [...message, ...calls.map((call) => callItem(call, call.isWhole ? 'completed' : 'incomplete'))];
}

/** Makes the message of an answer; without an end, as it begins. */
export function messageItem(responseId: string, end?: Pick<ResponseEnd, 'text' | 'reason'>) {
  const status = end === undefined ? 'in_progress' : end.reason === 'stop' ? 'completed' : 'incomplete';
  const content = end === undefined ? [] : [textPart(end.text)];
  return { type: 'message', id: messageId(responseId), status, role: 'assistant', content };
}

/** Makes a call of a tool. */
export function callItem({ id, name, arguments: given }: Omit<ToolCall, 'isWhole'>, status: string) {
  return { type: 'function_call', id: callItemId(id), call_id: id, name, arguments: given, status };
}

/** Makes the content of a message. */
export function textPart(text: string) {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

/** Id of the message of a response. */
export function messageId(responseId: string): string {
  return responseId.replace(/^resp/, 'msg');
}

/** Id of the item of a call. */
export function callItemId(callId: string): string {
  return callId.replace(/^call/, 'fc');
}

function incompleteReason(reason: ApiFinishReason): string {
  return reason === 'length' ? 'max_output_tokens' : 'aborted';
}
