// A chat as the model is asked to go on with it. All turns are kept; those that no longer fit into the context are only left out
// of what the model sees, so that nothing that was said is lost.
import { contextOf, type ModelLimits } from '../../core/runner.ts';
import { deriveSeed, type SamplingOptions } from '../../core/sampling-params.ts';
import { type ChatFormat, chatRequest, replyOf } from '../../engine/chat.ts';
import type { Engine } from '../../engine/engine.ts';
import { longestPrompt } from '../../engine/longest-prompt.ts';
import type { FinishedRequest } from '../../engine/request.ts';
import type { ChatMessage } from '../../tokenizer/chat-template.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { RangeValueError, RoseinferError } from '../../util/errors.ts';

/** Most tokens of an answer where no parameter says. */
export const DEFAULT_MAX_NEW_TOKENS = 512;
/** Part of the context that is free for an answer before the oldest turns are left out; less where an answer may not be as long. */
const FREE_PART = 1 / 4;
/** Turns whose ids are kept: from the last one the next goes on, from the one before it a new answer in its place. */
const TURNS_WITH_IDS = 2;

/** A chat that can't do what it was asked to. */
class ChatError extends RoseinferError {}

/** Parts of a session that answer. */
export interface SessionParts {
  readonly engine: Engine;
  readonly format: ChatFormat;
  readonly tokenizer: Tokenizer;
  readonly limits: ModelLimits;
}

/** A message of the user and its answer; null where a file has none. */
interface Turn {
  readonly user: string;
  readonly reply: ChatMessage | null;
}

/** An answer at its end. */
export interface Answer {
  readonly finished: FinishedRequest;
  /** Turns that the model sees no more since this answer. */
  readonly numForgotten: number;
  /** False for one that was stopped before it began: the chat is then as before. */
  readonly isKept: boolean;
}

/** How an answer arrives, and how it is stopped. */
export interface Listener {
  readonly signal: AbortSignal;
  piece(text: string): void;
}

/** A chat with a model. A call that throws leaves it as it was. */
export class ChatSession {
  readonly #parts: SessionParts;
  /** First message of the chat, which stays whatever is left out. */
  system: string | undefined;
  #sampling: SamplingOptions = {};
  #turns: readonly Turn[] = [];
  #numForgotten = 0;
  /** Answers since the seed was set. */
  #numAnswers = 0;

  /** @throws TokenizerError for a model without a tokenizer. */
  constructor(parts: SessionParts) {
    parts.tokenizer.encode('');
    this.#parts = parts;
  }

  /** Parameters of the answers. Each draws with a seed of its own from the one given: the first with that one. */
  get sampling(): SamplingOptions {
    return this.#sampling;
  }

  set sampling(sampling: SamplingOptions) {
    if (sampling.seed !== this.#sampling.seed) this.#numAnswers = 0;
    this.#sampling = sampling;
  }

  /** All messages, without ids. */
  get messages(): ChatMessage[] {
    return messagesOf(this.system, this.#turns).map(({ role, content }) => ({ role, content }));
  }

  /** Number of messages of the user. */
  get numTurns(): number {
    return this.#turns.length;
  }

  /** Forgets all turns; the system message and the parameters stay. */
  reset(): void {
    this.#turns = [];
    this.#numForgotten = 0;
    this.#numAnswers = 0;
  }

  /**
   * Takes up another chat.
   *
   * @throws RangeValueError for a system message that is not the first, an answer to none, and any other role.
   */
  restore(messages: readonly ChatMessage[]): void {
    let system: string | undefined;
    const turns: Turn[] = [];
    for (const [index, { role, content }] of messages.entries()) {
      const last = turns.at(-1);
      const mayAnswer = last?.reply === null;
      if (role === 'system' && index === 0) system = content;
      else if (role === 'user') turns.push({ user: content, reply: null });
      else if (role === 'assistant' && mayAnswer) turns.splice(-1, 1, { ...last, reply: { role, content } });
      else throw new RangeValueError(`role of messages[${index}]`, role, mayAnswer ? 'one of assistant, user' : 'user');
    }
    this.reset();
    this.system = system;
    this.#turns = turns;
  }

  /**
   * Sends a message and waits for its answer.
   *
   * @throws RangeValueError for a message that does not fit into the context, and for parameters; what the template throws;
   * RequestFailedError.
   */
  send(message: string, listener: Listener): Promise<Answer> {
    return this.#answer([...this.#turns, { user: message, reply: null }], listener);
  }

  /**
   * Answers the last message again; the new answer takes the place of the old one.
   *
   * @throws ChatError where there is no message; what `send` throws.
   */
  async regenerate(listener: Listener): Promise<Answer> {
    const last = this.#turns.at(-1);
    if (last === undefined) throw new ChatError('the chat is empty, expected a message that can be answered again');
    return await this.#answer([...this.#turns.slice(0, -1), { ...last, reply: null }], listener);
  }

  async #answer(turns: readonly Turn[], { signal, piece }: Listener): Promise<Answer> {
    const { request, numForgotten } = await this.#fit(turns);
    const stream = this.#parts.engine.stream({ ...request, signal });
    this.#numAnswers++;
    let next = await stream.next();
    for (; !next.done; next = await stream.next()) piece(next.value.text);
    const finished = next.value;
    if (finished.finishReason === 'abort' && finished.text === '') return { finished, numForgotten: 0, isKept: false };
    const { message } = replyOf(request, finished);
    const answered = turns.with(-1, { ...turns.at(-1)!, reply: message });
    this.#turns = answered.map((turn, index) => (index < answered.length - TURNS_WITH_IDS ? withoutIds(turn) : turn));
    const before = this.#numForgotten;
    this.#numForgotten = numForgotten;
    return { finished, numForgotten: numForgotten - before, isKept: true };
  }

  /** Makes the request of an answer, without the fewest of the oldest turns that have to be left out for it. */
  async #fit(turns: readonly Turn[]) {
    const { format, limits, tokenizer } = this.#parts;
    const { maxTokens = DEFAULT_MAX_NEW_TOKENS, seed } = this.#sampling;
    const [context, longest] = [contextOf(limits), longestPrompt(tokenizer, limits)];
    const free = Math.min(maxTokens, Math.floor(context * FREE_PART));
    const lengthOf = (messages: readonly ChatMessage[]) =>
      messages.reduce((sum, { content }) => sum + content.length, 0);
    /** Null for turns that are not worth encoding, as they are longer than any that fit. */
    const ask = async (first: number) => {
      const messages = messagesOf(this.system, turns.slice(first));
      return lengthOf(messages) > longest ? null : await chatRequest(format, messages, { sampling: this.#sampling });
    };
    const { index: numForgotten, value: asked } = await firstFit(
      this.#numForgotten,
      turns.length - 1,
      ask,
      (request) => request !== null && request.promptIds.length + free <= context,
    );
    const least = 'length of the message, with that of the system';
    if (asked === null)
      throw new RangeValueError(
        least,
        lengthOf(messagesOf(this.system, turns.slice(-1))),
        `at most ${longest} characters`,
      );
    const room = context - asked.promptIds.length;
    if (room < 1) throw new RangeValueError(`${least}, in tokens`, asked.promptIds.length, `at most ${context - 1}`);
    const ownSeed = seed === undefined || this.#numAnswers === 0 ? seed : deriveSeed(seed, this.#numAnswers);
    const sampling = { ...asked.sampling, maxTokens: Math.min(maxTokens, room), seed: ownSeed };
    return { request: { ...asked, sampling }, numForgotten };
  }
}

/** Finds the first index from `first` on whose value fits, as those after it do; `last` where none does. */
async function firstFit<T>(
  first: number,
  last: number,
  ask: (index: number) => Promise<T>,
  fits: (value: T) => boolean,
): Promise<{ readonly index: number; readonly value: T }> {
  let best = { index: first, value: await ask(first) };
  if (first === last || fits(best.value)) return best;
  best = { index: last, value: await ask(last) };
  for (let [low, high] = [first + 1, last]; low < high; ) {
    const index = Math.floor((low + high) / 2);
    const value = await ask(index);
    if (fits(value)) {
      best = { index, value };
      high = index;
    } else low = index + 1;
  }
  return best;
}

function messagesOf(system: string | undefined, turns: readonly Turn[]): ChatMessage[] {
  const first: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }];
  return [
    ...first,
    ...turns.flatMap(({ user, reply }): ChatMessage[] => [
      { role: 'user', content: user },
      ...(reply === null ? [] : [reply]),
    ]),
  ];
}

function withoutIds({ user, reply }: Turn): Turn {
  return { user, reply: reply && { role: reply.role, content: reply.content } };
}
