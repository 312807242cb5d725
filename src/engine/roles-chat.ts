// Chats for a model without a template: each message with the name of its role, as the Python project that this one follows wrote
// them. What a message spells is text.

import type { ChatMessage } from '../tokenizer/chat-template.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { RangeValueError } from '../util/errors.ts';
import type { ChatFormat } from './chat.ts';

/** Makes the way of writing chats by roles. */
export function rolesChat(tokenizer: Tokenizer): ChatFormat {
  const template: ChatFormat['template'] = {
    async encode(messages, { tools = [] } = {}) {
      if (tools.length > 0) throw new RangeValueError('tools', tools, 'none, as the model has no chat template');
      return await tokenizer.encodeAsync(writeRoles(messages), { parseSpecial: false });
    },
  };
  return { template };
}

/**
 * Writes a chat by roles, up to where the answer begins.
 *
 * @throws RangeValueError for a message of a tool, or with calls of tools.
 */
function writeRoles(messages: readonly ChatMessage[]): string {
  return `${messages.map(writeMessage).join('')}Assistant:`;
}

function writeMessage({ role, content, toolCalls = [] }: ChatMessage, index: number): string {
  if (toolCalls.length > 0) {
    throw new RangeValueError(`messages[${index}].toolCalls`, toolCalls, 'none, as the model has no chat template');
  }
  switch (role) {
    case 'system':
    case 'developer':
      return `[system]\n${content}\n`;
    case 'user':
      return `User: ${content}\n`;
    case 'assistant':
      return `Assistant: ${content}\n`;
    case 'tool':
      throw new RangeValueError(`messages[${index}].role`, role, 'another role, as the model has no chat template');
  }
}
