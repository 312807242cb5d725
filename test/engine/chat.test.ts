// Chats of an engine: prompts by the template, sampling by the model's authors where a request says nothing, and turns that go on
// from the ids of the last.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ChatFormat, ChatRequest } from '../../src/engine/chat.ts';
import { Engine } from '../../src/engine/engine.ts';
import { NoChatTemplateError } from '../../src/engine/errors.ts';
import { type ChatMessage, ChatTemplate } from '../../src/tokenizer/chat-template.ts';
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { RangeValueError } from '../../src/util/errors.ts';
import { talesRunner } from '../support/engine/test-runners.ts';
import { errorOf } from '../support/error-of.ts';

const TEMPLATE =
  '{% for message in messages %}{{ message.role }}: {{ message.content }}<|endoftext|>{% endfor %}' +
  '{% if add_generation_prompt %}assistant: {% endif %}';

let tokenizer: Tokenizer;
let template: ChatTemplate;
beforeAll(async () => {
  tokenizer = await Tokenizer.load('weights/tales');
  template = templateOf(TEMPLATE);
});
afterAll(() => template.close());

function templateOf(text: string): ChatTemplate {
  return ChatTemplate.fromGGUF(new Map([['tokenizer.chat_template', text]]), 'test.gguf', tokenizer)!;
}

function open(chat: ChatFormat | undefined = { template }) {
  const runner = talesRunner();
  return { runner, engine: new Engine({ runner, tokenizer, chat }) };
}

const user = (content: string): ChatMessage => ({ role: 'user', content });
const request = { sampling: { seed: 3, maxTokens: 12, ignoreEos: true } };
const textOf = (ids: readonly number[]) => tokenizer.decode(ids, { skipSpecialTokens: false });

describe('a chat', () => {
  test('is answered after the text of its template', async () => {
    const { engine } = open();
    await using _ = engine;
    const { message, promptTokens, ids, text } = await engine.chat([user('Who is there?')], request);
    const prompt = message.ids!.slice(0, promptTokens);
    expect(textOf(prompt)).toBe('user: Who is there?<|endoftext|>assistant: ');
    expect(message).toEqual({ role: 'assistant', content: text, ids: [...prompt, ...ids] });
    const alone = await engine.generate({ ...request, promptIds: prompt });
    expect(alone.ids).toEqual(ids);
  });

  test('that was cut goes on after its ids, scores its prompt, and bounds what its reader leaves unread, as any request', async () => {
    const { engine } = open();
    await using _ = engine;
    const messages = [user('Who is there?')];
    const whole = await engine.chat(messages, { ...request, promptLogprobs: 0 });
    expect(whole.promptLogprobs).toHaveLength(whole.promptTokens);
    const cut = { ...request, resume: { ids: whole.ids.slice(0, 5) } };
    const { pieces, reply } = await engine.streamChat(messages, cut);
    const ids: number[] = [];
    for await (const { id } of pieces) ids.push(id);
    expect(ids).toEqual(whole.ids.slice(5));
    expect((await reply).message).toEqual(whole.message);
    const unread = await engine.streamChat(messages, request, { maxUnreadPieces: 2 });
    expect(await unread.reply).toMatchObject({ finishReason: 'abort', abortReason: { unread: 3, max: 2 } });
  });

  test('arrives in pieces that are its reply', async () => {
    const { engine } = open();
    await using _ = engine;
    const { pieces, reply } = await engine.streamChat([user('Who is there?')], request);
    let streamed = '';
    for await (const { text } of pieces) streamed += text;
    const { message, requestId } = await reply;
    expect(streamed).toBe(message.content);
    expect(requestId).toBe(pieces.requestId);
    expect(message).toEqual((await engine.chat([user('Who is there?')], request)).message);
  });

  test('takes the sampling that the authors advise where its request says nothing', async () => {
    const { engine, runner } = open({ template, sampling: { temperature: 0.25, topK: 7 } });
    await using _ = engine;
    const sampled = async (sampling: ChatRequest['sampling']) => {
      runner.plans.length = 0;
      await engine.chat([user('Hello')], { sampling: { ...sampling, maxTokens: 1 } });
      const [row] = runner.plans.at(-1)!.samplingRows;
      return [row?.temperature, row?.topK, row?.topP];
    };
    expect(await sampled({})).toEqual([0.25, 7, 1]);
    expect(await sampled({ temperature: undefined })).toEqual([0.25, 7, 1]);
    expect(await sampled({ temperature: 2, topP: 0.5 })).toEqual([2, 7, 0.5]);
    runner.plans.length = 0;
    await engine.generate({ prompt: 'Hello', sampling: { maxTokens: 1 } });
    expect(runner.plans.at(-1)!.samplingRows[0]?.temperature).toBe(1);
  });
});

describe('the next turn', () => {
  /** Two turns; `change` may alter the reply before it is sent back. */
  async function secondTurn(change: (message: ChatMessage) => ChatMessage, chat?: ChatFormat) {
    const { engine } = open(chat);
    await using _ = engine;
    const first = await engine.chat([user('Who is there?')], request);
    const messages = [user('Who is there?'), change(first.message), user('Why?')];
    return { first, second: await engine.chat(messages, request) };
  }

  test('goes on from the ids of the last, all of whose full blocks are in the prefix cache', async () => {
    const { first, second } = await secondTurn((message) => message);
    const known = first.message.ids!;
    expect(second.message.ids!.slice(0, known.length)).toEqual(known);
    expect(textOf(second.message.ids!.slice(0, second.promptTokens))).toBe(
      `user: Who is there?<|endoftext|>assistant: ${first.text}<|endoftext|>user: Why?<|endoftext|>assistant: `,
    );
    // The last id of the reply was sampled and never computed.
    const { blockSize } = talesRunner().limits;
    expect(second.cachedTokens).toBe(Math.floor((known.length - 1) / blockSize) * blockSize);
    expect(second.cachedTokens).toBeGreaterThan(0);
  });

  test.each<[string, (message: ChatMessage) => ChatMessage]>([
    ['whose text was changed', (message) => ({ ...message, content: `${message.content} indeed` })],
    ['without ids', ({ role, content }) => ({ role, content })],
    ['with ids of another text', (message) => ({ ...message, ids: [1, 2, 3] })],
  ])('is encoded whole after a reply %s', async (_, change) => {
    const { first, second } = await secondTurn(change);
    const { content } = change(first.message);
    const text = `user: Who is there?<|endoftext|>assistant: ${content}<|endoftext|>user: Why?<|endoftext|>assistant: `;
    expect(second.message.ids!.slice(0, second.promptTokens)).toEqual(tokenizer.encode(text));
  });

  test('is encoded whole where the template writes replies otherwise', async () => {
    const short = templateOf(TEMPLATE.replace('{{ message.content }}', '{{ message.content[:3] }}'));
    using _ = short;
    const { first, second } = await secondTurn((message) => message, { template: short });
    expect(textOf(second.message.ids!.slice(0, second.promptTokens))).toBe(
      `user: Who<|endoftext|>assistant: ${first.text.slice(0, 3)}<|endoftext|>user: Why<|endoftext|>assistant: `,
    );
  });

  test('keeps a special token that the user spells as text', async () => {
    const { engine } = open();
    await using _ = engine;
    const first = await engine.chat([user('Who is there?')], request);
    const messages = [user('Who is there?'), first.message, user('<|endoftext|>')];
    const second = await engine.chat(messages, request);
    const added = second.message.ids!.slice(first.message.ids!.length, second.promptTokens);
    const [eos] = tokenizer.eosIds;
    // After the reply, and after the message.
    expect(added.filter((id) => id === eos)).toHaveLength(2);
  });
});

describe('a chat is refused', () => {
  test('where the model has no template', async () => {
    const engine = new Engine({ runner: talesRunner(), tokenizer });
    await using _ = engine;
    const error = await errorOf(() => engine.chat([user('Hello')]));
    expect(error).toBeInstanceOf(NoChatTemplateError);
    expect(String(error)).toContain('the model has no chat template');
  });

  test('where its template writes nothing', async () => {
    using silent = templateOf('{{ prompt }}');
    const { engine } = open({ template: silent });
    await using _ = engine;
    const message = 'prompt of the chat is "", expected a text that the template writes';
    await expect(engine.chat([user('Hello')])).rejects.toThrow(message);
  });

  test.each<[string, unknown, unknown, string]>([
    ['no messages', [], {}, 'messages is []'],
    ['a role of no template', [{ role: 'robot', content: '' }], {}, 'role of messages[0] is "robot"'],
    ['ids that are none', [{ role: 'user', content: '', ids: [0.5] }], {}, 'ids of messages[0] is [0.5]'],
    ['a prompt beside it', [user('Hi')], { prompt: 'Hi' }, 'key of request of a chat is "prompt"'],
    ['an unknown parameter', [user('Hi')], { sampling: { temperatur: 1 } }, 'temperatur'],
  ])('for %s', async (_, messages, asked, message) => {
    const { engine } = open();
    await using __ = engine;
    const error = await errorOf(() => Reflect.apply(engine.chat, engine, [messages, asked]));
    expect(error).toBeInstanceOf(RangeValueError);
    expect(String(error)).toContain(message);
    expect(engine.hasUnfinished).toBe(false);
  });
});

test('an answer has no space that the tokenizer puts before each text', async () => {
  const spaced = await Tokenizer.load('test/fixtures/tokenizers/sentencepiece');
  await using engine = new Engine({ runner: talesRunner(), tokenizer: spaced });
  const asked = { promptIds: spaced.encode('Hello there'), sampling: { seed: 5, maxTokens: 8, ignoreEos: true } };
  const whole = await engine.generate({ ...asked, isWholeText: true });
  expect(whole.text).toBe(spaced.decode(whole.ids, { skipSpecialTokens: true }));
});
