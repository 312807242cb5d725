// A chat as a file: the messages as OpenAI's calls have them, `{"messages": […]}`.
import { UsageError } from '../../terminal/flag-words.ts';
import { InputFileError } from '../../terminal/input-file.ts';
import { checkOutput, replaceFile } from '../../terminal/output-file.ts';
import type { ChatMessage } from '../../tokenizer/chat-template.ts';
import { RangeValueError } from '../../util/errors.ts';
import type { JsonObject } from '../../util/json.ts';
import { readJsonObject } from '../../util/json-file.ts';
import { checkKeys, isRecord } from '../../util/keys.ts';
import { quote } from '../../util/quote.ts';
import { isAbsent } from '../../util/regular-file.ts';

/**
 * Writes a chat, whole or not at all.
 *
 * @param mayReplace writes it in place of a file, too.
 * @throws UsageError for a file that exists; OutputFileError.
 */
export async function saveChat(path: string, messages: readonly ChatMessage[], mayReplace: boolean): Promise<void> {
  await checkOutput('/save', path);
  if (!mayReplace && !(await isAbsent(path)))
    throw new UsageError(`/save is ${quote(path)}, which exists, expected a new file; /save! replaces it`);
  await replaceFile('/save', path, `${JSON.stringify({ messages }, null, 2)}\n`);
}

/**
 * Reads a chat and has it taken up.
 *
 * @param restore takes the messages, and throws RangeValueError for those that are no chat.
 * @throws InputFileError for a file that can't be read or holds no chat.
 */
export async function loadChat(
  path: string,
  restore: (messages: readonly ChatMessage[]) => void,
): Promise<ChatMessage[]> {
  const file = { flag: '/load', path };
  const chat = await readJsonObject(path, (problem) => InputFileError.of(file, problem));
  try {
    const messages = readMessages(chat);
    restore(messages);
    return messages;
  } catch (error) {
    throw error instanceof RangeValueError ? InputFileError.ofValue(file, error) : error;
  }
}

function readMessages(chat: JsonObject): ChatMessage[] {
  checkKeys('the chat', chat, { messages: true });
  const { messages } = chat;
  if (!Array.isArray(messages) || messages.length === 0)
    throw new RangeValueError('messages', messages, 'a list of at least one message');
  return messages.map((message: unknown, index) => readMessage(`messages[${index}]`, message));
}

const ROLES = ['system', 'user', 'assistant'] as const;

function readMessage(name: string, message: unknown): ChatMessage {
  checkKeys(name, message, { role: true, content: true });
  const { role, content }: { role?: unknown; content?: unknown } = isRecord(message) ? message : {};
  const known = ROLES.find((each) => each === role);
  if (known === undefined) throw new RangeValueError(`role of ${name}`, role, `one of ${ROLES.join(', ')}`);
  if (typeof content !== 'string') throw new RangeValueError(`content of ${name}`, content, 'a text');
  return { role: known, content };
}
