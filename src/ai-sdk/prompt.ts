// Prompts of the AI SDK as chats: texts, and calls of tools with their results. What would be lost is refused by name; reasoning of
// earlier answers is left out, as templates do, and said.
import {
  type LanguageModelV4Message,
  type LanguageModelV4Prompt,
  type LanguageModelV4ToolResultOutput,
  type SharedV4Warning,
  UnsupportedFunctionalityError,
} from '@ai-sdk/provider';
import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { ChatToolCall } from '../tokenizer/chat-tools.ts';
import { RangeValueError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';

type Part = Exclude<LanguageModelV4Message['content'], string>[number];

/**
 * Makes the messages of a prompt.
 *
 * @param warnings receives one where reasoning is left out.
 * @throws UnsupportedFunctionalityError for files and whatever else is no text, no call and no result; RangeValueError for a call whose
 * input is no object.
 */
export function chatMessages(prompt: LanguageModelV4Prompt, warnings: SharedV4Warning[]): ChatMessage[] {
  const parts = prompt.flatMap(({ content }): readonly Part[] => (typeof content === 'string' ? [] : content));
  if (parts.some(({ type }) => type === 'reasoning')) {
    warnings.push({
      type: 'unsupported',
      feature: 'reasoning parts',
      details: 'the model does not read earlier reasoning',
    });
  }
  return prompt.flatMap((message, index) => messagesOf(message, `prompt[${index}]`));
}

/** Makes the messages of a message: one, or one for each result of a tool. */
function messagesOf(message: LanguageModelV4Message, place: string): ChatMessage[] {
  if (message.role === 'system') return [{ role: message.role, content: message.content }];
  if (message.role === 'tool') {
    return message.content.map((part, index) => {
      const own = `${place}.content[${index}]`;
      if (part.type !== 'tool-result') throw unsupported(part, own);
      return { role: 'tool', content: resultText(part.output, own), toolCallId: part.toolCallId };
    });
  }
  const { role, content } = message;
  const toolCalls: ChatToolCall[] = [];
  const texts = content.map((part: Part, index) => {
    const own = `${place}.content[${index}]`;
    if (part.type !== 'tool-call' || part.providerExecuted === true) return textOf(part, own);
    if (!isRecord(part.input)) throw new RangeValueError(`${own}.input`, part.input, 'an object');
    toolCalls.push({ id: part.toolCallId, name: part.toolName, arguments: part.input });
    return '';
  });
  return [{ role, content: texts.join(''), ...(toolCalls.length > 0 && { toolCalls }) }];
}

function textOf(part: Part, place: string): string {
  if (part.type === 'text') return part.text;
  if (part.type === 'reasoning') return '';
  throw unsupported(part, place);
}

/** Writes the result of a tool as the text that a template has of it. */
function resultText(output: LanguageModelV4ToolResultOutput, place: string): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value;
    case 'json':
    case 'error-json':
      return JSON.stringify(output.value);
    case 'execution-denied':
      return output.reason ?? 'execution denied';
    case 'content':
      return output.value
        .map((part, index) => {
          if (part.type === 'text') return part.text;
          throw unsupported(part, `${place}.output.value[${index}]`);
        })
        .join('');
  }
}

function unsupported(part: { readonly type: string }, place: string): UnsupportedFunctionalityError {
  const mediaType: unknown = Reflect.get(part, 'mediaType');
  const kind = part.type === 'file' ? `file part of type ${String(mediaType)}` : `${part.type} part`;
  return new UnsupportedFunctionalityError({ functionality: `${kind} ${place}` });
}
