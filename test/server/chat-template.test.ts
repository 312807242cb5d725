// Chats by a model's own template: what it writes, what it refuses, and what it may not do to the server.
import { expect, test } from 'vitest';
import { ChatTemplate } from '../../src/tokenizer/chat-template.ts';
import { startTestServer, talesTokenizer as tokenizer } from '../support/server/test-server.ts';

const WRITES = '{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:';
const REFUSES = "{{ raise_exception('Roles have to alternate') }}";
const LOOPS = '{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}';
const RANGES = '{% for i in range(3000000) %}a{% endfor %}';
const PATH = '/secret/place/model.gguf';

async function answer(text: string, content = 'Who came?', sampling = {}) {
  using template = ChatTemplate.fromGGUF(new Map([['tokenizer.chat_template', text]]), PATH, tokenizer)!;
  await using server = await startTestServer({ chat: { template, sampling } });
  const call = server.post('/v1/chat/completions', { messages: [{ role: 'user', content }], max_tokens: 2, seed: 1 });
  // Others are served while a template is at work.
  const others = await Promise.all([1, 2, 3].map(() => server.post('/v1/completions', { prompt: 'a', max_tokens: 1 })));
  expect(others.map(({ status }) => status)).toEqual([200, 200, 200]);
  const response = await call;
  const models = JSON.parse(await (await fetch(`${server.url}/v1/models`)).text());
  expect(models.data[0].chat_template).toBe('model');
  const body = await response.text();
  expect(body + server.lines.join('')).not.toContain('/secret');
  return { status: response.status, body: JSON.parse(body) };
}

test('the template writes the prompt, in which a message spells no special token', async () => {
  const content = 'a <|endoftext|> b';
  const { body } = await answer(WRITES, content);
  expect(body.usage.prompt_tokens).toBe(
    tokenizer.encode(`user: ${content}\nassistant:`, { parseSpecial: false }).length,
  );
});

test('a refusal of the template is a 400 with its words', async () => {
  const { status, body } = await answer(REFUSES);
  expect(status).toBe(400);
  expect(body.error).toMatchObject({
    param: 'messages',
    message: 'chat template refuses the messages: Roles have to alternate',
  });
});

test.each([
  ['has no end', LOOPS],
  ['lists three million numbers', RANGES],
  ['is no template', '{% for %}'],
])(
  'a template that %s is a fault of the server, which says so without its path',
  async (_, text) => {
    const { status, body } = await answer(text);
    expect({ status, code: body.error.code }).toEqual({ status: 500, code: 'chat_template_failed' });
  },
  60_000,
);
