// Commands of a chat, in one table: help, completion and the document are made from it.
import type { ChatFormat } from '../../engine/chat.ts';
import { UsageError } from '../../terminal/flag-words.ts';
import { count } from '../../util/count.ts';
import { nearestName } from '../../util/keys.ts';
import { quote } from '../../util/quote.ts';
import { type GenerationArgs, samplingOf } from '../generation-flags.ts';
import { loadChat, saveChat } from './chat-file.ts';
import { describeParameters, setParameter } from './params.ts';
import type { Answer, ChatSession, Listener } from './session.ts';

/** Chat that commands work on. */
export interface Chat {
  readonly session: ChatSession;
  readonly format: ChatFormat;
  /** Sampling parameters under the names of their flags. */
  args: GenerationArgs;
  /** Tells the user something that is no answer. */
  say(text: string): void;
  /** Shows an answer as it arrives. */
  show(answer: (listener: Listener) => Promise<Answer>): Promise<void>;
}

/** Outcome of the command that ends the chat. */
export const LEAVE = Symbol('leave');

/** A command of a chat. */
interface ChatCommand {
  /** Argument after its name; in brackets where it may be left out. */
  readonly takes: string;
  readonly meaning: string;
  readonly run: (argument: string, chat: Chat) => unknown;
}

/** The commands by name. */
export const CHAT_COMMANDS: Readonly<Record<string, ChatCommand>> = {
  help: { takes: '', meaning: 'lists these commands', run: (_, { say }) => say(describeCommands()) },
  system: {
    takes: '[TEXT]',
    meaning: 'shows the system message, or sets it; `""` is an empty one',
    run: (text, { session, say }) => {
      if (text !== '') session.system = text === '""' ? '' : text;
      const { system } = session;
      say(system === undefined ? 'no system message' : `system message: ${quote(system)}`);
    },
  },
  reset: {
    takes: '',
    meaning: 'starts a new chat with the same system message and parameters',
    run: (_, { session, say }) => {
      session.reset();
      say('the chat is empty');
    },
  },
  save: { takes: 'FILE', meaning: 'writes the chat to a new file', run: (path, chat) => save(path, chat, false) },
  'save!': {
    takes: 'FILE',
    meaning: 'writes the chat, replacing a file that exists',
    run: (path, chat) => save(path, chat, true),
  },
  load: {
    takes: 'FILE',
    meaning: 'continues the chat of a file',
    run: async (path, { session, say }) => {
      const messages = await loadChat(path, (read) => session.restore(read));
      const isOpen = messages.at(-1)?.role === 'user';
      say(`read ${count(messages.length, 'message')}${isOpen ? '; /regenerate answers the last one' : ''}`);
    },
  },
  params: {
    takes: '[NAME [VALUE]]',
    meaning: 'shows the sampling parameters, or sets one; the value `default` resets it',
    run: (words, chat) => {
      const [, name, value = ''] = /^(\S+?)(?:\s*[\s=]\s*(.*))?$/s.exec(words) ?? [];
      if (name !== undefined && value !== '') {
        chat.args = setParameter(chat.args, name, value);
        chat.session.sampling = samplingOf(chat.args);
      }
      chat.say(describeParameters(chat.args, chat.format, name));
    },
  },
  regenerate: {
    takes: '',
    meaning: 'answers the last message again, replacing its answer',
    run: (_, { session, show }) => show((listener) => session.regenerate(listener)),
  },
  exit: { takes: '', meaning: 'leaves the chat, as Ctrl-D does', run: () => LEAVE },
};

/**
 * Runs a command.
 *
 * @returns LEAVE where the chat is over.
 * @throws UsageError for an unknown command, and one with an argument too many or too few; what the command throws.
 */
export async function runChatCommand(name: string, argument: string, chat: Chat): Promise<unknown> {
  const names = Object.keys(CHAT_COMMANDS);
  if (!Object.hasOwn(CHAT_COMMANDS, name)) {
    const nearest = nearestName(name, names);
    const hint = nearest === undefined ? '' : ` (did you mean /${nearest}?)`;
    throw new UsageError(
      `command is ${quote(`/${name}`)}, expected one that /help lists${hint}, or // for a message that begins with a slash`,
    );
  }
  const { takes, run } = CHAT_COMMANDS[name]!;
  if (takes === '' && argument !== '')
    throw new UsageError(`/${name} is before ${quote(argument)}, expected nothing after it`);
  if (/^\w/.test(takes) && argument === '') throw new UsageError(`/${name} is alone, expected ${takes} after it`);
  return await run(argument, chat);
}

/** Completes the name of a command, as readline asks. */
export function completeCommand(line: string): [matches: string[], line: string] {
  const names = Object.keys(CHAT_COMMANDS).map((name) => `/${name}`);
  return [line.startsWith('/') ? names.filter((name) => name.startsWith(line)) : [], line];
}

async function save(path: string, { session, say }: Chat, mayReplace: boolean): Promise<void> {
  const { messages } = session;
  if (messages.length === 0) throw new UsageError('the chat is empty, expected a message before /save');
  await saveChat(path, messages, mayReplace);
  say(`wrote ${count(messages.length, 'message')}`);
}

function describeCommands(): string {
  const rows = Object.entries(CHAT_COMMANDS).map(
    ([name, { takes, meaning }]) => [`/${name} ${takes}`, meaning] as const,
  );
  const width = Math.max(...rows.map(([call]) => call.length));
  return [
    ...rows.map(([call, meaning]) => `${call.padEnd(width)}  ${meaning.replaceAll('`', '')}`),
    'A line that ends with \\ goes on in the next one; """ begins and ends a message of several lines.',
    'Ctrl-C stops an answer, and leaves where there is none.',
  ].join('\n');
}
