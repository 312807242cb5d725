// What each endpoint answers, compared with the fake runner's own completions.
import { createParser } from 'eventsource-parser';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deriveSeed } from '../../src/core/sampling-params.ts';
import { fakeCompletion } from '../support/engine/fake-runner.ts';
import { startTestServer, type TestServer, talesTokenizer as tokenizer } from '../support/server/test-server.ts';

const PROMPT = 'Once upon a time';
const promptIds = tokenizer.encode(PROMPT);
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server[Symbol.asyncDispose]());

/** Ids that the engine gives for a prompt, and their text. */
function expected(ids: readonly number[], seed: number, maxTokens: number) {
  const generated = fakeCompletion({ promptIds: ids, seed, maxTokens, eosIds: tokenizer.eosIds, vocabSize: 8192 });
  return { ids: generated, text: tokenizer.decode(generated, { skipSpecialTokens: true }) };
}

async function answer(path: string, body: object) {
  const response = await server.post(path, body);
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}

/** The events of a stream, and whether it ended with the mark. */
async function events(path: string, body: object) {
  const response = await server.post(path, { ...body, stream: true });
  const data: string[] = [];
  const parser = createParser({ onEvent: (event) => data.push(event.data) });
  parser.feed(await response.text());
  const isMarked = data.at(-1) === '[DONE]';
  return { chunks: data.filter((each) => each !== '[DONE]').map((each) => JSON.parse(each)), isMarked };
}

test('answers what it is and what it serves', async () => {
  const get = async (path: string) => (await fetch(`${server.url}${path}`)).json();
  expect(await get('/health')).toEqual({ status: 'ok' });
  expect(await get('/version')).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  const card = { id: 'tales', object: 'model', owned_by: 'roseinfer', max_model_len: 256, chat_template: 'roles' };
  expect(await get('/v1/models')).toMatchObject({ object: 'list', data: [card] });
  expect(await get('/v1/models/tales')).toMatchObject(card);
  expect(await get('/model_info')).toMatchObject({ model_path: 'tales', is_generation: true, max_model_len: 256 });
  expect(await get('/server_info')).toMatchObject({ system_fingerprint: 'fp_test', num_blocks: 512, dtype: 'f16' });
});

describe('/v1/completions', () => {
  test('continues a prompt, and counts tokens by ids', async () => {
    const { ids, text } = expected(promptIds, 5, 6);
    const call = { model: 'tales', prompt: PROMPT, max_tokens: 6, seed: 5, return_token_ids: true };
    const { body, headers } = await answer('/v1/completions', call);
    expect(body).toMatchObject({
      id: expect.stringMatching(/^cmpl-[\da-f]{32}$/),
      object: 'text_completion',
      model: 'tales',
      system_fingerprint: 'fp_test',
      seed: 5,
      choices: [
        { index: 0, text, finish_reason: 'length', logprobs: null, token_ids: ids, prompt_token_ids: promptIds },
      ],
      usage: { prompt_tokens: promptIds.length, completion_tokens: 6, total_tokens: promptIds.length + 6 },
    });
    expect(headers.get('x-request-id')).toMatch(/^[\da-f]{32}$/);
  });

  test('takes ids, lists of texts and lists of ids, with n choices each', async () => {
    const other = tokenizer.encode('The king');
    const textsOf = async (prompt: unknown, n: number) => {
      const { body } = await answer('/v1/completions', { prompt, n, max_tokens: 4, seed: 9 });
      return body.choices.map(({ text }: { text: string }) => text);
    };
    expect(await textsOf(promptIds, 1)).toEqual([expected(promptIds, 9, 4).text]);
    const seeds = [0, 1].map((p) => [0, 1].map((j) => deriveSeed(deriveSeed(9, p), j)));
    const all = [promptIds, other].flatMap((ids, p) => seeds[p]!.map((seed) => expected(ids, seed, 4).text));
    expect(await textsOf([PROMPT, 'The king'], 2)).toEqual(all);
    expect(await textsOf([promptIds, other], 2)).toEqual(all);
  });

  test('ends before a stop string, and says which', async () => {
    const { text } = expected(promptIds, 5, 8);
    const stop = text.slice(10, 13);
    const { body } = await answer('/v1/completions', { prompt: PROMPT, max_tokens: 8, seed: 5, stop });
    const [choice] = body.choices;
    expect(choice).toMatchObject({ text: text.slice(0, text.indexOf(stop)), finish_reason: 'stop', stop_reason: stop });
  });

  test('echoes the prompt, and places tokens in the text', async () => {
    const call = { prompt: PROMPT, max_tokens: 4, seed: 5 };
    const { text, ids } = expected(promptIds, 5, 4);
    expect((await answer('/v1/completions', { ...call, echo: true })).body.choices[0].text).toBe(PROMPT + text);
    expect((await answer('/v1/completions', { ...call, echo: true, prompt: promptIds })).body.choices[0].text).toBe(
      PROMPT + text,
    );
    const { body } = await answer('/v1/completions', { ...call, logprobs: 2 });
    const { tokens, text_offset: offsets, top_logprobs: top } = body.choices[0].logprobs;
    expect(tokens).toHaveLength(ids.length);
    expect(top.map((each: object) => Object.keys(each).length)).toEqual([2, 2, 2, 2]);
    for (const [index, token] of tokens.entries()) expect(text.startsWith(token, offsets[index])).toBe(true);
  });

  test('scores a prompt without generating anything, as harnesses ask for', async () => {
    const call = { prompt: PROMPT, max_tokens: 0, echo: true, logprobs: 1 };
    const { body } = await answer('/v1/completions', call);
    expect(body.choices[0]).toMatchObject({ text: PROMPT, finish_reason: 'length' });
    const { tokens, token_logprobs: logprobs, top_logprobs: top, text_offset: offsets } = body.choices[0].logprobs;
    expect(tokens).toEqual(['Once', ' upon', ' a', ' time']);
    expect(offsets).toEqual([0, 4, 9, 11]);
    expect([logprobs[0], top[0]]).toEqual([null, null]);
    expect(logprobs.slice(1)).toEqual([expect.any(Number), expect.any(Number), expect.any(Number)]);
    expect(body.usage.completion_tokens).toBe(0);
    const { chunks } = await events('/v1/completions', { ...call, max_tokens: 2, n: 2 });
    const opened = chunks.flatMap(({ choices }) => choices).filter(({ text }) => text === PROMPT);
    expect(opened.map(({ logprobs: each }) => each.token_logprobs)).toEqual([logprobs, logprobs]);
  });

  test('bounds the log-probabilities of an echo', async () => {
    const { status, body } = await answer('/v1/completions', {
      prompt: Array(200).fill(1),
      echo: true,
      logprobs: 20,
      n: 4,
    });
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('expected at most 16384')]);
  });

  test('bounds what one answer has, as others wait while it is written', async () => {
    const call = { prompt: [1], max_tokens: 250, logprobs: 20, n: 8 };
    const { status, body } = await answer('/v1/completions', call);
    expect([status, body.error.param]).toEqual([400, 'logprobs']);
    expect(body.error.message).toContain('expected at most 32768; stream it');
    expect(
      (await answer('/v1/completions', { ...call, logprobs: undefined, timeline: true, n: 128 })).body.error.param,
    ).toBe('timeline');
    const { chunks } = await events('/v1/completions', { ...call, max_tokens: 20, n: 2 });
    expect(chunks.length).toBeGreaterThan(20);
  });

  test('streams the same text, the seed first and the usage last', async () => {
    const { text } = expected(promptIds, 5, 6);
    const call = { prompt: PROMPT, max_tokens: 6, seed: 5, stream_options: { include_usage: true } };
    const { chunks, isMarked } = await events('/v1/completions', call);
    expect(chunks.flatMap(({ choices }) => choices.map((choice: { text: string }) => choice.text)).join('')).toBe(text);
    expect(chunks[0]).toMatchObject({ seed: 5, system_fingerprint: 'fp_test', usage: null });
    expect(chunks.at(-2).choices[0]).toMatchObject({ finish_reason: 'length' });
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { completion_tokens: 6, prompt_tokens_details: { cached_tokens: expect.any(Number) } },
    });
    expect(isMarked).toBe(true);
  });

  test('reports the usage so far in each chunk', async () => {
    const call = { prompt: PROMPT, max_tokens: 5, seed: 5, stream_options: { continuous_usage_stats: true } };
    const { chunks } = await events('/v1/completions', call);
    const counts = chunks.map(({ usage }) => usage.completion_tokens);
    expect(counts).toEqual([1, 2, 3, 4, 5, 5]);
    expect(chunks[0].usage.prompt_tokens).toBe(promptIds.length);
  });

  test('streams choices, echo and ids that join to the whole answer', async () => {
    const call = { prompt: PROMPT, max_tokens: 5, seed: 5, n: 3, echo: true, return_token_ids: true };
    const { body } = await answer('/v1/completions', call);
    const { chunks } = await events('/v1/completions', call);
    const choices = chunks.flatMap((chunk) => chunk.choices);
    for (const whole of body.choices) {
      const own = choices.filter(({ index }) => index === whole.index);
      expect(own.map(({ text }) => text).join('')).toBe(whole.text);
      expect(own.flatMap(({ token_ids: ids = [] }) => ids)).toEqual(whole.token_ids);
      expect(own[0].prompt_token_ids).toEqual(promptIds);
    }
  });

  test('finds a prompt that it has seen in the prefix cache, but not that of another salt', async () => {
    const prompt = 'A miller had a daughter who could spin straw into gold, or so he said to the king';
    const cached = async (salt: string) => {
      const call = { prompt, max_tokens: 1, cache_salt: salt };
      return (await answer('/v1/completions', call)).body.usage.prompt_tokens_details.cached_tokens;
    };
    expect(await cached('a')).toBe(0);
    expect(await cached('a')).toBeGreaterThan(0);
    expect(await cached('b')).toBe(0);
  });

  test('reports where the time went, by field or header', async () => {
    const call = { prompt: PROMPT, max_tokens: 2 };
    const { body } = await answer('/v1/completions', { ...call, timeline: true });
    const { timeline } = body.choices[0];
    expect(timeline[0]).toMatchObject({ start: 0 });
    expect(timeline.map(({ kind }: { kind: string }) => kind)).toContain('prefill');
    const response = await server.post('/v1/completions', call, { 'x-roseinfer-timeline': 'true' });
    expect(JSON.parse(await response.text()).choices[0].timeline).not.toHaveLength(0);
    expect((await answer('/v1/completions', call)).body.choices[0]).not.toHaveProperty('timeline');
  });
});

describe('/v1/chat/completions', () => {
  const messages = [
    { role: 'system', content: 'Be brief.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Who ' },
        { type: 'text', text: 'came?' },
      ],
    },
  ];
  const chatIds = tokenizer.encode('[system]\nBe brief.\nUser: Who came?\nAssistant:', { parseSpecial: false });

  test('writes a chat by roles where the model has no template', async () => {
    const { body } = await answer('/v1/chat/completions', { messages, max_tokens: 5, seed: 1 });
    const { text } = expected(chatIds, 1, 5);
    expect(body).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { role: 'assistant', content: text }, finish_reason: 'length' }],
      usage: { prompt_tokens: chatIds.length, completion_tokens: 5 },
    });
  });

  test('streams a role, the text and a reason', async () => {
    const { chunks } = await events('/v1/chat/completions', { messages, max_completion_tokens: 5, seed: 1, n: 2 });
    for (const index of [0, 1]) {
      const own = chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index);
      expect(own[0].delta).toEqual({ role: 'assistant', content: '' });
      const { text } = expected(chatIds, deriveSeed(1, index), 5);
      expect(own.map(({ delta }) => delta.content ?? '').join('')).toBe(text);
      expect(own.at(-1).finish_reason).toBe('length');
    }
  });

  test('goes on to the end of the context unless told otherwise', async () => {
    const { body } = await answer('/v1/chat/completions', { messages, ignore_eos: true });
    expect(body.usage.total_tokens).toBe(256);
  });

  test('reports log-probabilities with bytes', async () => {
    const call = { messages, max_tokens: 2, logprobs: true, top_logprobs: 3 };
    const [entry] = (await answer('/v1/chat/completions', call)).body.choices[0].logprobs.content;
    expect(entry.top_logprobs).toHaveLength(3);
    expect(Buffer.from(entry.bytes).toString()).toBe(entry.token);
  });
});

describe('/tokenize and /detokenize', () => {
  test('give the ids of a prompt and of a chat, and a text back', async () => {
    const { body } = await answer('/tokenize', { model: 'tales', prompt: PROMPT, return_token_strs: true });
    expect(body).toEqual({
      count: promptIds.length,
      max_model_len: 256,
      tokens: promptIds,
      token_strs: ['Once', ' upon', ' a', ' time'],
    });
    const chat = await answer('/tokenize', { messages: [{ role: 'user', content: 'a' }] });
    expect(chat.body.tokens).toEqual(tokenizer.encode('User: a\nAssistant:'));
    expect((await answer('/detokenize', { tokens: promptIds })).body).toEqual({ prompt: PROMPT });
  });
});

describe('/abort', () => {
  test('ends a stream that is under way, and knows no other id', async () => {
    const stream = await server.post('/v1/completions', {
      prompt: PROMPT,
      max_tokens: 250,
      ignore_eos: true,
      stream: true,
    });
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    const first = await reader.read();
    const id = /"id":"([^"]+)"/.exec(first.value ?? '')?.[1];
    const aborted = await server.post(`/abort/${id}`, {});
    let rest = '';
    for (let next = await reader.read(); !next.done; next = await reader.read()) rest += next.value;
    // The whole text may have been on its way already.
    expect([200, 404]).toContain(aborted.status);
    expect(rest).toContain('data: [DONE]');
    expect((await server.post(`/abort/${id}`, {})).status).toBe(404);
  });
});
