// Chats: messages become a prompt by the model's template, and a reply can be sent back with the next messages. It carries the ids
// of the chat so far, from which the next prompt goes on, so that the prefix cache has them whole.
import type { SamplingOptions } from '../core/sampling-params.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { ChatTool } from '../tokenizer/chat-tools.ts';
import { RangeValueError } from '../util/errors.ts';
import { filterEntries } from '../util/filter-entries.ts';
import { checkKeys, isRecord, type KeyTable } from '../util/keys.ts';
import { NoChatTemplateError } from './errors.ts';
import type { FinishedRequest, GenerationRequest } from './request.ts';
import type { TextStream } from './text-stream.ts';

/** Way of a model to write chats: its template, such as a ChatTemplate, and the sampling that its authors advise. */
export interface ChatFormat {
  readonly template: {
    /** Text of the template, which shows whether it knows tools, and how it writes calls of them; undefined where it is none. */
    readonly source?: string | undefined;
    encode(messages: readonly ChatMessage[], options?: { readonly tools?: readonly ChatTool[] }): Promise<number[]>;
  };
  /** Parameters that a chat takes where its request sets none. */
  readonly sampling?: SamplingOptions | undefined;
}

/** How to answer a chat: all of a request but its prompt. */
export interface ChatRequest extends Omit<GenerationRequest, 'prompt' | 'promptIds' | 'parseSpecial' | 'isWholeText'> {
  /** Tools that the template tells the model of. What the model writes of calls is text. */
  readonly tools?: readonly ChatTool[] | undefined;
}

/** An answer. */
export interface ChatReply extends FinishedRequest {
  /** The answer as a message, to be sent back before the next ones. */
  readonly message: ChatMessage;
}

/** An answer as it arrives. */
export interface ChatStream {
  readonly pieces: TextStream;
  /** Settles when the answer ends, in whatever way; never rejects. */
  readonly reply: Promise<ChatReply>;
}

const REQUEST_KEYS: KeyTable<ChatRequest> = {
  requestId: true,
  sampling: true,
  constraint: true,
  priority: true,
  deadlineMs: true,
  arrival: true,
  cacheSalt: true,
  promptLogprobs: true,
  resume: true,
  timeline: true,
  signal: true,
  tools: true,
};

/** Request whose prompt is a chat. */
type EncodedChat = GenerationRequest & { readonly promptIds: readonly number[] };

/**
 * Encodes a chat as the request of its answer.
 *
 * @throws NoChatTemplateError for a model without a template; RangeValueError for an unknown key, and for a chat of which the template
 * writes nothing; what the template throws.
 */
export async function chatRequest(
  format: ChatFormat | undefined,
  messages: readonly ChatMessage[],
  request: ChatRequest,
): Promise<EncodedChat> {
  if (format === undefined) throw new NoChatTemplateError();
  checkKeys('request of a chat', request, REQUEST_KEYS);
  const { tools, ...rest } = request;
  const promptIds = await format.template.encode(messages, tools === undefined ? {} : { tools });
  // An empty prompt is the eos, after which the answer would have nothing to do with the messages.
  if (promptIds.length === 0) throw new RangeValueError('prompt of the chat', '', 'a text that the template writes');
  const { sampling } = rest;
  // Anything but an object is left for the request's own check.
  const merged =
    sampling === undefined || isRecord(sampling)
      ? { ...format.sampling, ...filterEntries({ ...sampling }, (_, value) => value !== undefined) }
      : sampling;
  return { ...rest, promptIds, sampling: merged, isWholeText: true };
}

/** Makes the reply of a finished answer. */
export function replyOf({ promptIds }: EncodedChat, finished: FinishedRequest): ChatReply {
  const ids = [...promptIds, ...finished.ids];
  return { ...finished, message: { role: 'assistant', content: finished.text, ids } };
}
