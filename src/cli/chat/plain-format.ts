// Chats with a model that has no template, such as one that only continues texts: each message with the name of its role, as
// `roseinfer serve` writes them. An answer ends where the model would speak for the user.
import type { ChatFormat } from '../../engine/chat.ts';
import { rolesChat } from '../../engine/roles-chat.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';

/** Texts with which another message begins. */
const STOPS = ['\nUser:', '\n[system]'];

/** Makes the way of writing chats by roles. */
export function plainFormat(tokenizer: Tokenizer): ChatFormat {
  const { template } = rolesChat(tokenizer);
  return {
    template: {
      // The space after the name of the role is the model's own, and would be there twice.
      encode: (messages) =>
        template.encode(messages.map((message) => ({ ...message, content: message.content.trim() }))),
    },
    sampling: { stop: STOPS },
  };
}
