// `/v1/chat/completions`: a chat is answered, by the model's template or by roles.

import { contextOf } from '../../core/runner.ts';
import { type ChatRequest, chatRequest } from '../../engine/chat.ts';
import { chatLength } from '../../engine/longest-prompt.ts';
import type { ChatMessage } from '../../tokenizer/chat-template.ts';
import { invalidParameter } from '../api-error.ts';
import type { PromptRequest } from '../generation/generation.ts';
import { chatLogprobs } from '../generation/logprobs.ts';
import { chatMessages, chatParameters } from '../parameters/chat.ts';
import { parseParameters } from '../parameters/parse.ts';
import { samplingOptions } from '../parameters/sampling.ts';
import { wantedOutput } from '../parameters/structured.ts';
import { wantedChatTools } from '../parameters/tools.ts';
import { readJson } from '../read-body.ts';
import {
  type Call,
  type Caller,
  callerOf,
  checkIsServing,
  checkModel,
  type Ground,
  requestFields,
  type Serving,
} from '../serving.ts';
import { checkedMessages, planTools } from '../tool-plan.ts';
import { type AnswerPlan, answerCall, type ChoiceShape } from './choices.ts';
import { checkHasTokenizer, checkLength } from './encode-prompt.ts';
import { toolShape } from './tool-shape.ts';

/** Answers a call of `/v1/chat/completions`. */
export async function chatCompletions(serving: Serving, call: Call): Promise<Response> {
  const body = await readJson(call.env.incoming, serving.options.maxBody);
  return await answerCall(serving, call, await planChat(serving, callerOf(call), body));
}

/**
 * Makes the plan of an answer to a chat from the body of a call.
 *
 * @throws ApiError and what the template throws.
 */
export async function planChat(ground: Ground, caller: Caller, body: unknown): Promise<AnswerPlan> {
  const parameters = parseParameters(chatParameters, body);
  const { model, n = 1, seed, stream = false, stream_options: wishes = {} } = parameters;
  const { logprobs: hasLogprobs = false, top_logprobs: numTop, resume } = parameters;
  if (numTop !== undefined && numTop > 0 && !hasLogprobs) {
    throw invalidParameter('top_logprobs', `top_logprobs is ${numTop} without logprobs, expected both`);
  }
  const name = parameters.max_completion_tokens === undefined ? 'max_tokens' : 'max_completion_tokens';
  caller.setNames({ maxTokens: name, prompt: 'messages' });
  checkModel(ground, model);
  checkIsServing(ground);
  const tools = wantedChatTools(parameters);
  const output = wantedOutput(parameters);
  const messages = chatMessages(parameters.messages);
  const plan = tools && (await planTools(ground, tools, { output, others: { logprobs: hasLogprobs, resume } }));
  const request = await answerOf(
    ground,
    { messages: checkedMessages(ground, messages, (index) => placeOfTool(messages, index)) },
    {
      ...requestFields(ground, caller, parameters),
      tools: tools?.tools,
      constraint: plan?.constraint ?? (await ground.grammars.compile(output, resume?.ids)),
      sampling: {
        ...samplingOptions(parameters),
        maxTokens: parameters[name],
        logprobs: hasLogprobs ? (numTop ?? 0) : undefined,
      },
    },
  );
  const shape = shapeOf(ground, hasLogprobs);
  const returnIds = parameters.return_token_ids ?? false;
  const options = {
    shape: plan === null ? shape : toolShape(shape, plan.reading, returnIds),
    includeUsage: wishes.include_usage ?? false,
    continuousUsage: wishes.continuous_usage_stats ?? false,
    returnIds,
    hasLogprobs,
  };
  return { kind: 'chatcmpl', prompts: [request], n, seed, stream, options };
}

/** Writes the place of the part of a message that tools bring. */
function placeOfTool(messages: readonly ChatMessage[], index: number): string {
  return `messages[${index}].${messages[index]?.toolCallId === undefined ? 'tool_calls' : 'tool_call_id'}`;
}

/** A chat, and the name of the parameter that it came by. */
interface NamedChat {
  readonly messages: readonly ChatMessage[];
  readonly name?: string;
}

/**
 * Makes the request of the answer to a chat; without `maxTokens` it takes the room that the messages leave.
 *
 * @throws ApiError and what the template throws.
 */
export async function answerOf(
  { model, chat }: Pick<Ground, 'model' | 'chat'>,
  { messages, name = 'messages' }: NamedChat,
  { sampling, ...fields }: Omit<PromptRequest, 'promptIds'> & Pick<ChatRequest, 'tools'>,
): Promise<PromptRequest> {
  checkHasTokenizer(model, name);
  checkLength(model, chatLength(messages), name);
  const request = await chatRequest(chat, messages, { ...fields, sampling });
  const room = Math.max(contextOf(model.runner.limits) - request.promptIds.length, 1);
  return { ...request, sampling: { ...request.sampling, maxTokens: request.sampling?.maxTokens ?? room } };
}

function shapeOf({ model }: Ground, hasLogprobs: boolean): ChoiceShape {
  const { tokenizer } = model;
  return {
    object: 'chat.completion',
    chunkObject: 'chat.completion.chunk',
    whole: (_, { text, logprobs }) => ({
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: hasLogprobs ? chatLogprobs(tokenizer, logprobs) : null,
    }),
    delta: (_, { text, logprobs }) => [
      {
        delta: { content: text },
        logprobs: hasLogprobs && logprobs.length > 0 ? chatLogprobs(tokenizer, logprobs) : null,
      },
    ],
    opening: () => ({ delta: { role: 'assistant', content: '' }, logprobs: null }),
    closing: () => [{ delta: {}, logprobs: null }],
  };
}
