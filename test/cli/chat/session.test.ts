// Turns of a chat over the fake runner, whose ids are a hash of all that it sees: which messages reach the model, in which ids, and
// what a call that fails or is stopped leaves behind.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { plainFormat } from '../../../src/cli/chat/plain-format.ts';
import { ChatSession } from '../../../src/cli/chat/session.ts';
import { deriveSeed } from '../../../src/core/sampling-params.ts';
import type { ChatFormat } from '../../../src/engine/chat.ts';
import { Engine } from '../../../src/engine/engine.ts';
import { type ChatMessage, ChatTemplate } from '../../../src/tokenizer/chat-template.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { FakeRunner, fakeCompletion } from '../../support/engine/fake-runner.ts';
import { errorOf } from '../../support/error-of.ts';
import { CHAT_TEMPLATE } from '../../support/models/chat-model.ts';

let tokenizer: Tokenizer;
let template: ChatTemplate;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
  template = ChatTemplate.fromGGUF(new Map([['tokenizer.chat_template', CHAT_TEMPLATE]]), 'test.gguf', tokenizer)!;
});
afterAll(() => template.close());

interface Setting {
  readonly context?: number;
  readonly format?: ChatFormat;
}

/** A session with a note of each prompt, as text, and of what arrived. */
function open({ context = 256, format = { template } }: Setting = {}) {
  const runner = new FakeRunner({ maxBatchTokens: 256, maxModelLen: context, numBlocks: 256, vocabSize: 8192 });
  const engine = new Engine({ runner, tokenizer });
  const prompts: string[] = [];
  const noted: ChatFormat = {
    ...format,
    template: {
      encode: async (messages) => {
        const ids = await format.template.encode(messages);
        prompts.push(tokenizer.decode(ids, { skipSpecialTokens: false }));
        return ids;
      },
    },
  };
  const session = new ChatSession({ engine, format: noted, tokenizer, limits: runner.limits });
  session.sampling = { seed: 3, maxTokens: 8, ignoreEos: true };
  const pieces: string[] = [];
  const listener = { signal: new AbortController().signal, piece: (text: string) => pieces.push(text) };
  return { runner, engine, session, prompts, pieces, listener, [Symbol.asyncDispose]: () => engine.close() };
}

const user = (content: string): ChatMessage => ({ role: 'user', content });
const textOf = (messages: readonly ChatMessage[]) =>
  `${messages.map(({ role, content }) => `${role}: ${content}<|endoftext|>`).join('')}assistant: `;

describe('a chat', () => {
  test('answers a message after all that was said before, in pieces that are its messages', async () => {
    await using chat = open();
    const { session, prompts, pieces, listener } = chat;
    session.system = 'Be kind.';
    const { finished } = await session.send('Who came?', listener);
    expect(pieces.join('')).toBe(finished.text);
    expect(prompts).toEqual(['system: Be kind.<|endoftext|>user: Who came?<|endoftext|>assistant: ']);
    const promptIds = tokenizer.encode(prompts[0]!);
    expect(finished.ids).toEqual(fakeCompletion({ promptIds, seed: 3, maxTokens: 8, vocabSize: 8192 }));
    const first = session.messages;
    expect(first.at(-1)).toEqual({ role: 'assistant', content: finished.text });
    await session.send('Why?', listener);
    expect(prompts.at(-1)).toBe(textOf([...first, user('Why?')]));
  });

  // A random text rarely has the ids that its tokenizer would give: encoded again, it would not be in the cache.
  test('goes on from the ids of the last turn, so that its full blocks come from the prefix cache', async () => {
    await using chat = open();
    const { session, listener } = chat;
    const first = await session.send('Who came?', listener);
    const second = await session.send('Why?', listener);
    expect(first.finished.cachedTokens).toBe(0);
    // All blocks of 4 but the one of the last id, which was sampled and never computed.
    const known = first.finished.promptTokens + first.finished.ids.length;
    expect(second.finished.cachedTokens).toBe(Math.floor((known - 1) / 4) * 4);
  });

  test('answers again in place of the last answer, with another seed, from the ids of the turn before', async () => {
    await using chat = open();
    const { session, prompts, listener } = chat;
    await session.send('Who came?', listener);
    const old = (await session.send('Why?', listener)).finished;
    const { finished } = await session.regenerate(listener);
    expect(prompts[2]).toBe(prompts[1]);
    expect(finished.seed).toBe(deriveSeed(3, 2));
    expect(finished.ids).not.toEqual(old.ids);
    expect(finished.cachedTokens).toBe(Math.floor((finished.promptTokens - 1) / 4) * 4);
    expect(session.messages).toHaveLength(4);
    expect(session.messages.at(-1)?.content).toBe(finished.text);
    await using empty = open();
    expect(await errorOf(() => empty.session.regenerate(empty.listener))).toMatchObject({
      message: 'the chat is empty, expected a message that can be answered again',
    });
  });

  test('draws the same answers after a reset, and others with another seed', async () => {
    await using chat = open();
    const { session, listener } = chat;
    const seeds = async () => [
      (await session.send('a', listener)).finished.seed,
      (await session.send('a', listener)).finished.seed,
    ];
    expect(await seeds()).toEqual([3, deriveSeed(3, 1)]);
    session.reset();
    expect(session.messages).toEqual([]);
    expect(await seeds()).toEqual([3, deriveSeed(3, 1)]);
    session.sampling = { ...session.sampling, seed: 5 };
    expect(await seeds()).toEqual([5, deriveSeed(5, 1)]);
  });

  test('leaves out the fewest of the oldest turns where the context ends, and keeps all messages', async () => {
    await using chat = open({ context: 96 });
    const { session, prompts, listener } = chat;
    session.system = 'Be kind.';
    const forgotten: number[] = [];
    for (const text of ['one', 'two', 'three', 'four', 'five', 'six']) {
      const before = session.messages;
      const { numForgotten } = await session.send(text, listener);
      forgotten.push(numForgotten);
      const gone = forgotten.reduce((sum, each) => sum + each, 0);
      const [system, ...others] = [...before, user(text)];
      const seen = textOf([system!, ...others.slice(2 * gone)]);
      expect(prompts.at(-1)).toBe(seen);
      expect(tokenizer.encode(seen).length).toBeLessThanOrEqual(96 - 8);
      const more =
        gone === 0 ? null : textOf([system!, ...others.slice(2 * (gone - numForgotten) - (numForgotten > 0 ? 0 : 2))]);
      // With one turn more there would have been no room.
      if (more !== null) expect(tokenizer.encode(more).length).toBeGreaterThan(96 - 8 - 8);
    }
    expect(forgotten[0]).toBe(0);
    expect(forgotten.some((each) => each > 0)).toBe(true);
    expect(session.messages).toHaveLength(13);
  });

  test('forgets many turns of a long chat at once', async () => {
    await using chat = open({ context: 64 });
    const { session, prompts, listener } = chat;
    const messages = Array.from(
      { length: 400 },
      (_, index): ChatMessage =>
        index % 2 === 0 ? user(`question ${index}`) : { role: 'assistant', content: `answer ${index}` },
    );
    session.restore(messages);
    const { numForgotten } = await session.send('last', listener);
    expect(numForgotten).toBeGreaterThan(190);
    const kept = (from: number) => textOf([...messages.slice(2 * from), user('last')]);
    const length = (from: number) => tokenizer.encode(kept(from)).length;
    expect(prompts.at(-1)).toBe(kept(numForgotten));
    expect([length(numForgotten) <= 56, length(numForgotten - 1) <= 56]).toEqual([true, false]);
    // Each question to the template costs a rendering.
    expect(prompts.length).toBeLessThan(12);
  });

  test.each([
    [
      'that has no room by itself',
      'word '.repeat(80),
      /^length of the message, with that of the system, in tokens is \d+, expected at most 63$/,
    ],
    [
      'that no tokenizer could make so short',
      'x'.repeat(100_000),
      /^length of the message, with that of the system is 100000, expected at most \d+ characters$/,
    ],
  ])('refuses a message %s, and is as it was', async (_, text, message) => {
    await using chat = open({ context: 64 });
    const { session, listener } = chat;
    await session.send('Who came?', listener);
    const before = session.messages;
    expect(await errorOf(() => session.send(text, listener))).toMatchObject({
      message: expect.stringMatching(message),
    });
    expect(session.messages).toEqual(before);
    expect((await session.send('Why?', listener)).isKept).toBe(true);
  });

  test('keeps an answer that was stopped as far as it came, and takes a message back that had none', async () => {
    await using chat = open();
    const { session, prompts } = chat;
    const stop = new AbortController();
    let [text, numPieces] = ['', 0];
    const listener = {
      signal: stop.signal,
      piece: (piece: string) => {
        text += piece;
        if (++numPieces === 3) stop.abort();
      },
    };
    const { finished, isKept } = await session.send('Who came?', listener);
    expect({ isKept, reason: finished.finishReason }).toEqual({ isKept: true, reason: 'abort' });
    expect(finished.text.startsWith(text)).toBe(true);
    expect(session.messages.at(-1)?.content).toBe(finished.text);
    const before = session.messages;
    expect((await session.send('Why?', { ...listener, signal: AbortSignal.abort() })).isKept).toBe(false);
    expect((await session.regenerate({ ...listener, signal: AbortSignal.abort() })).isKept).toBe(false);
    expect(session.messages).toEqual(before);
    await session.send('Go on', chat.listener);
    expect(prompts.at(-1)).toBe(textOf([...before, user('Go on')]));
  });

  test('is as it was after an answer that failed', async () => {
    await using chat = open();
    const { session, runner, listener } = chat;
    await session.send('Who came?', listener);
    const before = session.messages;
    runner.isBroken = () => true;
    expect(await errorOf(() => session.send('Why?', listener))).toMatchObject({ name: 'RequestFailedError' });
    expect(session.messages).toEqual(before);
    runner.isBroken = () => false;
    expect((await session.send('Why?', listener)).isKept).toBe(true);
  });
});

describe('a chat from a file', () => {
  test('goes on with its messages, and answers a last one that has no answer', async () => {
    await using chat = open();
    const { session, prompts, listener } = chat;
    const messages: ChatMessage[] = [
      { role: 'system', content: 'Be kind.' },
      user('Who came?'),
      { role: 'assistant', content: 'A king.' },
      user('Why?'),
    ];
    session.restore(messages);
    expect(session.messages).toEqual(messages);
    const { finished } = await session.regenerate(listener);
    expect(prompts).toEqual([textOf(messages)]);
    expect(session.messages).toEqual([...messages, { role: 'assistant', content: finished.text }]);
  });

  test.each<[ChatMessage[], string]>([
    [[user('a'), { role: 'system', content: 'b' }], 'role of messages[1] is "system", expected one of assistant, user'],
    [[{ role: 'assistant', content: 'a' }], 'role of messages[0] is "assistant", expected user'],
    [[user('a'), { role: 'tool', content: 'b' }], 'role of messages[1] is "tool", expected one of assistant, user'],
  ])('refuses %j by name, and is as it was', async (messages, message) => {
    await using chat = open();
    const { session, listener } = chat;
    await session.send('Who came?', listener);
    const before = session.messages;
    expect(() => session.restore(messages)).toThrow(message);
    expect(session.messages).toEqual(before);
  });
});

test('a model without a template reads roles, and does not speak for the user', async () => {
  await using chat = open({ format: plainFormat(tokenizer) });
  const { session, prompts, listener, runner } = chat;
  const { finished } = await session.send('Who came?', listener);
  await session.send('Why?', listener);
  expect(prompts).toEqual([
    'User: Who came?\nAssistant:',
    `User: Who came?\nAssistant: ${finished.text.trim()}\nUser: Why?\nAssistant:`,
  ]);
  const stops = tokenizer.encode(' A king.\nUser: And');
  let place = 0;
  runner.execute = (plan) => Promise.resolve({ ...runner.compute(plan), ids: Int32Array.of(stops[place++]!) });
  session.sampling = { maxTokens: 20 };
  const stopped = await session.send('Who came?', listener);
  expect(stopped.finished).toMatchObject({ text: ' A king.', finishReason: 'stop', stopReason: '\nUser:' });
});

test('a model without a tokenizer is refused at once', async () => {
  const { limits } = new FakeRunner();
  await using engine = new Engine({ runner: new FakeRunner(limits) });
  const idsOnly = Tokenizer.idsOnly(64);
  const error = await errorOf(
    () => new ChatSession({ engine, format: plainFormat(idsOnly), tokenizer: idsOnly, limits }),
  );
  expect(error).toMatchObject({ message: expect.stringMatching(/tokenizer\.json/) });
});
