// A chat as a model was trained to read it: a Jinja template makes one text of the messages, and the text becomes ids. The
// template's special tokens are special tokens; those that a message spells are text.
import { RangeValueError } from '../util/errors.ts';
import { checkKeys } from '../util/keys.ts';
import { type Check, type Checks, checkOptions, checkValue, flag, oneOf, text } from '../util/option-checks.ts';
import { clip } from '../util/quote.ts';
import { ChatTemplateError, ChatTemplateRefusal } from './chat-template-errors.ts';
import { type ChatTemplateText, ggufChatTemplate, readChatTemplate, readTemplateFile } from './chat-template-files.ts';
import { type ChatTool, type ChatToolCall, checkCalls, checkTools, partValues, toolValues } from './chat-tools.ts';
import type { GGUFMetadata } from './gguf-vocabulary.ts';
import { findStandIns, type StandIns } from './stand-ins.ts';
import { TemplateRenderer } from './template-renderer.ts';
import type { Tokenizer } from './tokenizer.ts';

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'] as const;

/** One turn of a chat. */
export interface ChatMessage {
  /** The template writes it as it is, so that only these are allowed. */
  readonly role: (typeof ROLES)[number];
  readonly content: string;
  /** Calls of tools that an assistant's message ends with. */
  readonly toolCalls?: readonly ChatToolCall[] | undefined;
  /** Id of the call whose result a tool's message is. */
  readonly toolCallId?: string | undefined;
  /**
   * Ids of the chat up to the end of this message, as a reply brings them: the ids of the chat begin with them where the template
   * still writes their text. Otherwise all of the text is encoded.
   */
  readonly ids?: readonly number[] | undefined;
}

/** How a chat is written. */
export interface ChatOptions {
  /** The text ends where the answer begins (default true). */
  readonly addGenerationPrompt?: boolean | undefined;
  /** The present for templates that ask for it; default now. */
  readonly date?: Date | undefined;
  /** Tools that the template tells the model of, where it knows any (default none). */
  readonly tools?: readonly ChatTool[] | undefined;
}

const idsCheck: Check = {
  expected: 'a list of ids',
  accepts: (value) => value === undefined || (Array.isArray(value) && value.every((id) => Number.isSafeInteger(id))),
};
const MESSAGE_CHECKS: Checks<ChatMessage> = {
  role: oneOf(ROLES),
  content: text,
  toolCalls: { expected: 'a list of calls', accepts: (value) => value === undefined || Array.isArray(value) },
  toolCallId: { ...text, accepts: (value) => value === undefined || text.accepts(value) },
  ids: idsCheck,
};
const dateCheck: Check = {
  expected: 'a valid date',
  accepts: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
};
const CHAT_OPTIONS: Checks<ChatOptions> = {
  addGenerationPrompt: flag,
  date: dateCheck,
  tools: { expected: 'a list of tools', accepts: Array.isArray },
};

/** Longest rendered text in UTF-16 units: well above the longest context. */
const MAX_TEXT_LENGTH = 1 << 24;
/** Time of a rendering in ms; an honest one takes a few, and more on a busy machine. */
const TIMEOUT_MS = 5000;

/** Text of a chat with stand-ins, and what puts the characters back. */
interface Rendered extends Pick<StandIns, 'reveal'> {
  readonly hidden: string;
}

/** A model's chat template. It is rendered in a process of its own, which starts with the first chat. */
export class ChatTemplate implements Disposable {
  /** The file that the template comes from. */
  readonly path: string;
  /** Text of the template. */
  readonly source: string;
  readonly #tokenizer: Tokenizer;
  readonly #renderer = new TemplateRenderer();

  private constructor({ path, template }: ChatTemplateText, tokenizer: Tokenizer) {
    this.path = path;
    this.source = template;
    this.#tokenizer = tokenizer;
  }

  /**
   * Reads the template of a model directory: chat_template.jinja, else the `chat_template` of tokenizer_config.json; null
   * where there is none.
   *
   * @throws ChatTemplateError for a template that is no text or too long, and for several without a default.
   */
  static async load(dir: string, tokenizer: Tokenizer): Promise<ChatTemplate | null> {
    const found = await readChatTemplate(dir);
    return found && new ChatTemplate(found, tokenizer);
  }

  /**
   * Reads a template from a file of its own, and renders a short chat with it, so that a malformed one is not found by the first caller.
   *
   * @throws ChatTemplateError for a file that can't be read, and for a template that is no text, too long or malformed.
   */
  static async fromFile(path: string, tokenizer: Tokenizer): Promise<ChatTemplate> {
    const template = new ChatTemplate(await readTemplateFile(path), tokenizer);
    try {
      await template.render([{ role: 'user', content: 'Hello' }]);
    } catch (error) {
      if (error instanceof ChatTemplateRefusal) return template;
      template.close();
      throw error;
    }
    return template;
  }

  /**
   * Takes the template of a GGUF file from its metadata; null where there is none.
   *
   * @param path of the file, for errors.
   * @throws ChatTemplateError for a template that is no text or too long.
   */
  static fromGGUF(metadata: GGUFMetadata, path: string, tokenizer: Tokenizer): ChatTemplate | null {
    const found = ggufChatTemplate(metadata, path);
    return found && new ChatTemplate(found, tokenizer);
  }

  /**
   * Writes a chat as text.
   *
   * @throws RangeValueError for messages or options that are none.
   * @throws ChatTemplateRefusal where the template refuses the messages.
   * @throws ChatTemplateError for a template that is malformed, does what it may not, or takes too long.
   */
  async render(messages: readonly ChatMessage[], options: ChatOptions = {}): Promise<string> {
    const { hidden, reveal } = await this.#render(messages, options);
    return reveal(hidden);
  }

  /**
   * Encodes a chat: the ids of its text, in which a message spells no special token.
   *
   * @throws what `render` throws.
   */
  async encode(messages: readonly ChatMessage[], options: ChatOptions = {}): Promise<number[]> {
    const rendered = await this.#render(messages, options);
    const known = messages.findLast(({ ids }) => ids !== undefined)?.ids;
    const continued = known && (await this.#encodeAfter(known, rendered));
    return continued ?? (await this.#tokenizer.encodeHidden(rendered.hidden, rendered.reveal));
  }

  /** Encodes what follows the text of known ids; null where the chat does not begin with it, or is not all that the ids say. */
  async #encodeAfter(known: readonly number[], { hidden, reveal }: Rendered): Promise<number[] | null> {
    const tokenizer = this.#tokenizer;
    const textOf = (ids: readonly number[]) => tokenizer.decode(ids, { skipSpecialTokens: false });
    const [whole, start] = [reveal(hidden), textOf(known)];
    if (!whole.startsWith(start)) return null;
    let [end, length] = [0, 0];
    // A stand-in may be shorter than the character that it stands for.
    for (const character of hidden) {
      if (length >= start.length) break;
      length += reveal(character).length;
      end += character.length;
    }
    const ids = [...known, ...(await tokenizer.encodeHidden(hidden.slice(end), reveal))];
    return textOf(ids) === whole ? ids : null;
  }

  /** Ends the process that renders the template; a later chat starts it again. */
  close(): void {
    this.#renderer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #render(messages: readonly ChatMessage[], options: ChatOptions): Promise<Rendered> {
    checkMessages(messages);
    checkOptions('options of a chat', options, CHAT_OPTIONS);
    const { addGenerationPrompt = true, date = new Date(), tools = [] } = options;
    checkTools('tools', tools);
    const { bosToken, eosToken, specialTokens } = this.#tokenizer;
    const parts = messages.map(({ toolCalls, toolCallId }) => ({ toolCalls, toolCallId }));
    const texts = [
      this.source,
      ...specialTokens,
      ...messages.map(({ content }) => content),
      JSON.stringify([tools, parts]),
    ];
    const standIns = findStandIns(specialTokens, texts);
    if (standIns === undefined) {
      throw new RangeValueError('messages', messages, 'texts that leave some private-use characters');
    }
    const { hide, reveal } = standIns;
    const hidden = (text: string) => hide(text.toWellFormed());
    const names = new Map(
      messages.flatMap(({ toolCalls = [] }) => toolCalls.map(({ id, name }) => [id, name] as const)),
    );
    const variables = {
      messages: messages.map(({ role, content, ...rest }) => ({
        role,
        content: hidden(content),
        ...partValues(rest, names, hidden),
      })),
      add_generation_prompt: addGenerationPrompt,
      tools: toolValues(tools, hidden),
      documents: null,
      ...(bosToken === null ? {} : { bos_token: bosToken }),
      ...(eosToken === null ? {} : { eos_token: eosToken }),
    };
    const limits = { maxLength: MAX_TEXT_LENGTH, timeoutMs: TIMEOUT_MS };
    const result = await this.#renderer.render({
      template: this.source,
      variables,
      date: date.getTime(),
      ...limits,
    });
    if ('text' in result) return { hidden: result.text, reveal };
    if ('refusal' in result) throw new ChatTemplateRefusal(this.path, reveal(result.refusal));
    const found = `faulty (${clip(reveal(result.fault).replaceAll(/\s+/g, ' '))})`;
    const expected = `one that renders at most ${MAX_TEXT_LENGTH} characters within ${TIMEOUT_MS} ms`;
    throw new ChatTemplateError(this.path, { subject: 'chat template', found, expected });
  }
}

function checkMessages(messages: unknown): void {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new RangeValueError('messages', messages, 'a list of at least one message');
  }
  for (const [index, message] of messages.entries()) {
    checkKeys(`messages[${index}]`, message, MESSAGE_CHECKS);
    for (const [name, check] of Object.entries(MESSAGE_CHECKS)) {
      checkValue(`${name} of messages[${index}]`, Reflect.get(Object(message), name), check);
    }
    checkCalls(`messages[${index}].toolCalls`, Reflect.get(Object(message), 'toolCalls') ?? []);
  }
}
