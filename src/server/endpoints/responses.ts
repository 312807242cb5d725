// `/v1/responses`: a chat whose earlier turns the server may keep.
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { FinishedRequest } from '../../engine/request.ts';
import type { ChatMessage } from '../../tokenizer/chat-template.ts';
import { type AnswerPart, CallReader, type CallReading, type ToolCall } from '../../tools/call-reader.ts';
import { ApiError, invalidParameter } from '../api-error.ts';
import { answerOfError } from '../call-errors.ts';
import { EventStream } from '../generation/event-stream.ts';
import type { Choice, Generation } from '../generation/generation.ts';
import { finishReasonOf, type Tokens, timelineField, tokensOf } from '../generation/outcome.ts';
import { readPieces } from '../generation/read-pieces.ts';
import { parseParameters } from '../parameters/parse.ts';
import { inputMessages, responseParameters } from '../parameters/responses.ts';
import { samplingOptions } from '../parameters/sampling.ts';
import { wantedFormat } from '../parameters/structured.ts';
import { wantedResponseTools } from '../parameters/tools.ts';
import { readJson } from '../read-body.ts';
import {
  type Call,
  callerOf,
  checkIsServing,
  checkModel,
  noteTokens,
  ownerOf,
  requestFields,
  type Serving,
  startGeneration,
} from '../serving.ts';
import { checkedMessages, planTools } from '../tool-plan.ts';
import { answerOf } from './chat-completions.ts';
import { ResponseEvents } from './response-events.ts';
import { type ResponseFields, responseObject } from './response-object.ts';

/** A response under way. */
interface Answer {
  readonly generation: Generation;
  readonly choice: Choice;
  readonly fields: ResponseFields;
  readonly returnIds: boolean;
  /** The chat up to the answer. */
  readonly messages: readonly ChatMessage[];
  /** Null for an answer that calls no tools. */
  readonly reading: CallReading | null;
}

/** Answers a call of `/v1/responses`. */
export async function responses(serving: Serving, call: Call): Promise<Response> {
  call.set('names', { maxTokens: 'max_output_tokens', prompt: 'input', messages: 'input' });
  const body = await readJson(call.env.incoming, serving.options.maxBody);
  const parameters = parseParameters(responseParameters, body);
  const { input, instructions, previous_response_id: previousId, stream = false, seed } = parameters;
  const { priority, cache_salt, timeline } = parameters;
  checkModel(serving, parameters.model);
  checkIsServing(serving);
  const earlier = earlierMessages(serving, call, previousId).map((message) => ({
    message,
    place: 'previous_response_id',
  }));
  const placed = [...earlier, ...inputMessages(input)];
  const messages = placed.map(({ message }) => message);
  const ready = checkedMessages(serving, messages, (index) => placed[index]?.place ?? 'input');
  const all: readonly ChatMessage[] =
    instructions === undefined ? ready : [{ role: 'system', content: instructions }, ...ready];
  const tools = wantedResponseTools(parameters);
  const output = wantedFormat(parameters.text?.format);
  const plan = tools && (await planTools(serving, tools, { output, others: {} }));
  const request = await answerOf(
    serving,
    { messages: all, name: 'input' },
    {
      ...requestFields(serving, callerOf(call), { priority, cache_salt, timeline }),
      tools: tools?.tools,
      constraint: plan?.constraint ?? (await serving.grammars.compile(output)),
      sampling: { ...samplingOptions(parameters), maxTokens: parameters.max_output_tokens },
    },
  );
  const generation = startGeneration(serving, call, { kind: 'resp', prompts: [request], n: 1, seed });
  const { temperature = 1, topP = 1 } = request.sampling ?? {};
  const fields: ResponseFields = {
    id: generation.id,
    created: generation.created,
    model: serving.model.name,
    fingerprint: serving.model.fingerprint,
    seed: generation.seed,
    instructions: instructions ?? null,
    maxTokens: parameters.max_output_tokens ?? null,
    previousId: previousId ?? null,
    temperature,
    topP,
    store: parameters.store ?? true,
    format: parameters.text?.format ?? { type: 'text' },
    tools: parameters.tools ?? [],
    toolChoice: parameters.tool_choice ?? 'auto',
    isParallel: parameters.parallel_tool_calls ?? true,
    metadata: body.metadata ?? {},
    user: body.user ?? null,
  };
  const [choice] = generation.choices;
  const returnIds = parameters.return_token_ids ?? false;
  const answer = { generation, choice: choice!, fields, messages, returnIds, reading: plan?.reading ?? null };
  return await (stream ? answerStream : answerWhole)(serving, call, answer);
}

/** Answers `GET /v1/responses/{id}`. */
export function storedResponse(serving: Serving, call: Call): Response {
  const stored = serving.store.get(call.req.param('id') ?? '', ownerOf(call));
  if (stored === undefined) throw unknownResponse();
  return call.json(stored.response);
}

/** Answers `DELETE /v1/responses/{id}`. */
export function deleteResponse(serving: Serving, call: Call): Response {
  const id = call.req.param('id') ?? '';
  if (!serving.store.delete(id, ownerOf(call))) throw unknownResponse();
  return call.json({ id, object: 'response', deleted: true });
}

async function answerWhole(serving: Serving, call: Call, answer: Answer): Promise<Response> {
  const reader = readerOf(answer);
  const finished = await readPieces(answer.choice, { drained: null }, ({ id, text }) => reader.read(id, text));
  reader.end();
  return call.json(finish(serving, call, answer, { finished, reader }));
}

async function answerStream(serving: Serving, call: Call, answer: Answer): Promise<Response> {
  const { keepAlive, stallTimeout } = serving.options;
  const times = { keepAliveMs: keepAlive * 1000, stallMs: stallTimeout * 1000 };
  const stream = new EventStream(call.env.outgoing, times);
  const events = new ResponseEvents(stream, answer.fields);
  const reader = readerOf(answer);
  const send = (parts: readonly AnswerPart[]) => {
    for (const part of parts) events.part(part);
  };
  try {
    const finished = await readPieces(answer.choice, stream, ({ id, text }) => send(reader.read(id, text)));
    const reason = finishReasonOf(finished, serving);
    send(reader.end());
    events.end(finish(serving, call, answer, { finished, reader }), reason);
  } catch (error) {
    answer.generation.abort();
    if (!stream.hasBegun) {
      stream.leave();
      throw error;
    }
    events.fail(answerOfError(serving, call, error));
  }
  return RESPONSE_ALREADY_SENT;
}

/** Makes the reader of an answer; without tools all of it is text. */
function readerOf({ reading }: Answer): CallReader {
  return reading === null ? CallReader.ofText() : new CallReader(reading);
}

/** An answer that has ended, and the text and calls that were read of it. */
interface ReadAnswer {
  readonly finished: FinishedRequest;
  readonly reader: CallReader;
}

/** Makes the response of an answer that has ended, and keeps it where the call has not forbidden that. */
function finish(serving: Serving, call: Call, answer: Answer, { finished, reader }: ReadAnswer) {
  const { generation, choice, fields, messages } = answer;
  const { text, calls } = reader;
  const reason = finishReasonOf(finished, serving);
  const tokens = tokensOf(generation, [finished]);
  noteTokens(call, tokens.prompt, tokens.completion);
  const response = {
    ...responseObject(fields, { text, calls, reason, usage: usageOf(tokens) }),
    ...timelineField(choice, finished),
    ...(answer.returnIds && { prompt_token_ids: choice.prompt.promptIds, token_ids: finished.ids }),
  };
  if (fields.store) {
    const { owner } = generation;
    const ids = [...choice.prompt.promptIds, ...finished.ids];
    const message: ChatMessage = { role: 'assistant', content: text, ...messageCalls(calls), ids };
    serving.store.add({ id: fields.id, owner, response, messages: [...messages, message] });
  }
  return response;
}

/** Makes the calls of a message that is kept: those whose arguments are whole. */
function messageCalls(calls: readonly ToolCall[]): Pick<ChatMessage, 'toolCalls'> {
  const whole = calls.filter(({ isWhole }) => isWhole);
  if (whole.length === 0) return {};
  return { toolCalls: whole.map(({ id, name, arguments: given }) => ({ id, name, arguments: JSON.parse(given) })) };
}

function earlierMessages(serving: Serving, call: Call, id: string | undefined): readonly ChatMessage[] {
  if (id === undefined) return [];
  const stored = serving.store.get(id, ownerOf(call));
  if (stored !== undefined) return stored.messages;
  const message = 'previous_response_id is of no response that is stored for this key; it may have been too old';
  throw invalidParameter('previous_response_id', message, 'previous_response_not_found');
}

function unknownResponse(): ApiError {
  return new ApiError(404, 'no response that is stored for this key has this id', { code: 'response_not_found' });
}

function usageOf({ prompt, completion, cached }: Tokens) {
  return {
    input_tokens: prompt,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: completion,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: prompt + completion,
  };
}
