// Prompts of the AI SDK as chats: text alone. What would be lost is refused by name; reasoning of earlier answers is left out, as
// templates do, and said.
import {
  type LanguageModelV4Message,
  type LanguageModelV4Prompt,
  type SharedV4Warning,
  UnsupportedFunctionalityError,
} from '@ai-sdk/provider';
import type { ChatMessage } from '../tokenizer/chat-template.ts';

type Part = Exclude<LanguageModelV4Message['content'], string>[number];

/**
 * Makes the messages of a prompt.
 *
 * @param warnings receives one where reasoning is left out.
 * @throws UnsupportedFunctionalityError for files, tools and whatever else is no text.
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
  return prompt.map((message, index) => chatMessage(message, `prompt[${index}]`));
}

function chatMessage(message: LanguageModelV4Message, place: string): ChatMessage {
  if (message.role === 'system') return { role: message.role, content: message.content };
  if (message.role === 'tool') throw new UnsupportedFunctionalityError({ functionality: `tool message ${place}` });
  const content = message.content.map((part: Part, index) => textOf(part, `${place}.content[${index}]`)).join('');
  return { role: message.role, content };
}

function textOf(part: Part, place: string): string {
  if (part.type === 'text') return part.text;
  if (part.type === 'reasoning') return '';
  const kind = part.type === 'file' ? `file part of type ${part.mediaType}` : `${part.type} part`;
  throw new UnsupportedFunctionalityError({ functionality: `${kind} ${place}` });
}
