// Prompts: what is text becomes a chat, by the model's template or by roles; what is none is refused by name.
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider';
import { generateText } from 'ai';
import { expect, test } from 'vitest';
import { ChatTemplate } from '../../src/tokenizer/chat-template.ts';
import { allOf, openTestProvider } from '../support/ai-sdk-provider.ts';
import { talesTokenizer as tokenizer } from '../support/server/test-server.ts';

Reflect.set(globalThis, 'AI_SDK_LOG_WARNINGS', false);

type Prompt = LanguageModelV4CallOptions['prompt'];

const WRITES = '{% for message in messages %}<{{ message.role }}>{{ message.content }}\n{% endfor %}<assistant>';
const REFUSES = "{{ raise_exception('Roles have to alternate') }}";
const HAS_NO_END = '{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}';
const chat: Prompt = [
  { role: 'system', content: 'Be brief.' },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'Who ' },
      { type: 'text', text: 'came?' },
    ],
  },
  { role: 'assistant', content: [{ type: 'text', text: 'A king <|endoftext|>.' }] },
  { role: 'user', content: [{ type: 'text', text: 'Why?' }] },
];
const length = (text: string) => tokenizer.encode(text, { parseSpecial: false }).length;

function templateOf(text: string): ChatTemplate {
  return ChatTemplate.fromGGUF(new Map([['tokenizer.chat_template', text]]), 'model.gguf', tokenizer)!;
}

test('a chat is written by roles where the model has no template', async () => {
  await using opened = openTestProvider();
  const { usage } = await opened.roseinfer('tales').doGenerate({ prompt: chat, maxOutputTokens: 1 });
  const text = '[system]\nBe brief.\nUser: Who came?\nAssistant: A king <|endoftext|>.\nUser: Why?\nAssistant:';
  expect(usage.inputTokens.total).toBe(length(text));
});

test('a chat is written by the template, with the sampling that its authors advise where a call sets none', async () => {
  using template = templateOf(WRITES);
  await using opened = openTestProvider({ chat: { template, sampling: { temperature: 0.25, topK: 5 } } });
  const { usage } = await opened.roseinfer('tales').doGenerate({ prompt: chat, maxOutputTokens: 1, topK: 9 });
  const text = '<system>Be brief.\n<user>Who came?\n<assistant>A king <|endoftext|>.\n<user>Why?\n<assistant>';
  expect(usage.inputTokens.total).toBe(length(text));
  expect(opened.runner.plans[0]!.samplingRows[0]).toMatchObject({ temperature: 0.25, topK: 9 });
});

test('a template that refuses the messages refuses the prompt, with its words', async () => {
  using template = templateOf(REFUSES);
  await using opened = openTestProvider({ chat: { template } });
  const answer = opened.roseinfer('tales').doGenerate({ prompt: chat });
  await expect(answer).rejects.toMatchObject({
    name: 'AI_InvalidPromptError',
    prompt: chat,
    message: expect.stringContaining('Roles have to alternate'),
  });
});

test('a signal ends a call whose template has no end', async () => {
  using template = templateOf(HAS_NO_END);
  await using opened = openTestProvider({ chat: { template } });
  const abort = new AbortController();
  const answer = opened.roseinfer('tales').doStream({ prompt: chat, abortSignal: abort.signal });
  setTimeout(() => abort.abort(new Error('enough')), 50);
  await expect(answer).rejects.toThrow('enough');
});

test('a template that is none is a fault that does not go away', async () => {
  using template = templateOf('{% for %}');
  await using opened = openTestProvider({ chat: { template } });
  const answer = opened.roseinfer('tales').doGenerate({ prompt: chat });
  await expect(answer).rejects.toMatchObject({ name: 'AI_APICallError', isRetryable: false });
});

const data = { type: 'data' as const, data: 'AAAA' };

test.each<[what: string, prompt: Prompt, functionality: string]>([
  [
    'an image',
    [{ role: 'user', content: [{ type: 'file', mediaType: 'image/png', data }] }],
    'file part of type image/png prompt[0].content[0]',
  ],
  [
    'a call of a tool',
    [{ role: 'assistant', content: [{ type: 'tool-call', toolCallId: '1', toolName: 'a', input: {} }] }],
    'tools',
  ],
  [
    'a result of a tool',
    [
      ...chat,
      {
        role: 'tool',
        content: [{ type: 'tool-result', toolCallId: '1', toolName: 'a', output: { type: 'text', value: 'b' } }],
      },
    ],
    'tools',
  ],
])('%s is refused by name', async (_, prompt, functionality) => {
  await using opened = openTestProvider();
  const answer = opened.roseinfer('tales').doGenerate({ prompt });
  await expect(answer).rejects.toMatchObject({ name: 'AI_UnsupportedFunctionalityError', functionality });
  expect(opened.runner.plans).toEqual([]);
});

test('an image by its address is refused before anything is fetched', async () => {
  await using opened = openTestProvider();
  const fetched: unknown[] = [];
  const answer = generateText({
    model: opened.roseinfer('tales'),
    messages: [{ role: 'user', content: [{ type: 'image', image: new URL('http://127.0.0.1:9/a.png') }] }],
    experimental_download: async (downloads) => {
      fetched.push(...downloads.filter(({ isUrlSupportedByModel }) => !isUrlSupportedByModel));
      return downloads.map(() => null);
    },
  });
  await expect(answer).rejects.toMatchObject({ name: 'AI_UnsupportedFunctionalityError' });
  expect(fetched).toEqual([]);
});

test('reasoning of earlier answers is left out, and said', async () => {
  await using opened = openTestProvider();
  const content = [
    { type: 'reasoning' as const, text: 'Hm. ' },
    { type: 'text' as const, text: 'A king.' },
  ];
  const { usage, warnings } = await opened
    .roseinfer('tales')
    .doGenerate({ prompt: [{ role: 'assistant', content }], maxOutputTokens: 1 });
  expect(usage.inputTokens.total).toBe(length('Assistant: A king.\nAssistant:'));
  expect(warnings).toMatchObject([{ type: 'unsupported', feature: 'reasoning parts' }]);
});

test('settings that change nothing are warnings', async () => {
  await using opened = openTestProvider();
  const { warnings } = await generateText({
    model: opened.roseinfer('tales'),
    prompt: 'Who came?',
    maxOutputTokens: 2,
    reasoning: 'high',
    headers: { 'x-a': 'b' },
  });
  expect(warnings).toMatchObject([{ type: 'unsupported', feature: 'reasoning' }]);
  const { stream } = await opened.roseinfer('tales').doStream({
    prompt: chat,
    maxOutputTokens: 1,
    toolChoice: { type: 'required' },
  });
  const [start] = await allOf(stream);
  expect(start).toMatchObject({
    type: 'stream-start',
    warnings: [{ feature: 'toolChoice' }],
  });
});
