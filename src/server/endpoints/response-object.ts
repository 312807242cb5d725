// A response in the shape of OpenAI's Responses API.
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
  readonly metadata: unknown;
  readonly user: unknown;
}

/** The end of a response. */
export interface ResponseEnd {
  readonly text: string;
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
    output: end === undefined ? [] : [outputItem(id, end)],
    output_text: end?.text ?? '',
    parallel_tool_calls: true,
    previous_response_id: fields.previousId,
    reasoning: { effort: null, summary: null },
    store,
    temperature,
    text: { format: fields.format },
    tool_choice: 'auto',
    tools: [],
    top_p: topP,
    truncation: 'disabled',
    usage: end?.usage ?? null,
    user: fields.user,
    metadata: fields.metadata,
    system_fingerprint: fingerprint,
    seed,
  };
}

/** Makes the message of an answer; without an end, as it begins. */
export function outputItem(responseId: string, end?: Pick<ResponseEnd, 'text' | 'reason'>) {
  const status = end === undefined ? 'in_progress' : end.reason === 'stop' ? 'completed' : 'incomplete';
  const content = end === undefined ? [] : [textPart(end.text)];
  return { type: 'message', id: itemId(responseId), status, role: 'assistant', content };
}

/** Makes the content of a message. */
export function textPart(text: string) {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

/** Id of the message of a response. */
export function itemId(responseId: string): string {
  return responseId.replace(/^resp/, 'msg');
}

function incompleteReason(reason: ApiFinishReason): string {
  return reason === 'length' ? 'max_output_tokens' : 'aborted';
}
