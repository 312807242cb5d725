// A call of the AI SDK as a chat and the request of its answer. Settings without an effect here become warnings, as the SDK has it.
import type { LanguageModelV4CallOptions, SharedV4Warning } from '@ai-sdk/provider';
import type { ChatRequest } from '../engine/chat.ts';
import type { StructuredOutput } from '../grammar/structured-output.ts';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import { checkCallOptions } from './call-options.ts';
import { chatMessages } from './prompt.ts';
import { type WantedTools, wantedTools } from './tools.ts';

/** A call. */
export interface Call {
  readonly messages: readonly ChatMessage[];
  /** Tools that the answer may call; null for none. */
  readonly tools: WantedTools | null;
  /** Form that the text is held to; null where it may be any. */
  readonly output: StructuredOutput | null;
  /** Its `maxTokens` is undefined where the answer may take the room that the messages leave. */
  readonly request: ChatRequest;
  readonly warnings: SharedV4Warning[];
}

/**
 * Reads a call.
 *
 * @throws UnsupportedFunctionalityError for parts of the prompt that a chat can't have, and tools beside a form of the text; RangeValueError for options that are unknown.
 */
export function readCall(options: LanguageModelV4CallOptions): Call {
  const { maxOutputTokens: maxTokens, temperature, topP, topK, seed, stopSequences: stop } = options;
  const { presencePenalty, frequencyPenalty, abortSignal: signal } = options;
  const own: unknown = options.providerOptions?.roseinfer ?? {};
  checkCallOptions(own);
  const { priority, deadlineMs, cacheSalt, ...ownSampling } = own;
  const warnings = unsupportedSettings(options);
  return {
    messages: chatMessages(options.prompt, warnings),
    tools: wantedTools(options, warnings),
    output: outputOf(options),
    request: {
      ...{ priority, deadlineMs, cacheSalt, signal },
      sampling: { ...ownSampling, maxTokens, temperature, topP, topK, seed, stop, presencePenalty, frequencyPenalty },
    },
    warnings,
  };
}

/** Finds the form of the text; the name and description of a schema say nothing about it. */
function outputOf({ responseFormat }: LanguageModelV4CallOptions): StructuredOutput | null {
  if (responseFormat?.type !== 'json') return null;
  return responseFormat.schema === undefined ? { jsonObject: true } : { json: responseFormat.schema };
}

/** Warns of settings that change nothing. */
function unsupportedSettings(options: LanguageModelV4CallOptions): SharedV4Warning[] {
  const { reasoning = 'provider-default' } = options;
  return reasoning === 'provider-default' ? [] : [{ type: 'unsupported', feature: 'reasoning' }];
}
