// The store of responses: its bounds, and the chats that go on from it.
import { describe, expect, test } from 'vitest';
import { ResponseStore } from '../../src/server/response-store.ts';
import { TestClock } from '../support/engine/test-runners.ts';
import { startTestServer, type TestServer, talesTokenizer as tokenizer } from '../support/server/test-server.ts';

const stored = (id: string, owner = '', length = 100) => ({
  id,
  owner,
  response: {},
  messages: [{ role: 'user' as const, content: 'a'.repeat(length) }],
});

describe('a store', () => {
  test('lets the oldest go where room is short, and keeps nothing beyond all room', () => {
    const store = new ResponseStore({ maxBytes: 700, maxAgeMs: 1000 }, new TestClock());
    for (const id of ['a', 'b', 'c', 'd']) store.add(stored(id));
    expect(['a', 'b', 'c', 'd'].map((id) => store.get(id, '') !== undefined)).toEqual([false, true, true, true]);
    expect(store.bytes).toBeLessThanOrEqual(700);
    store.add(stored('huge', '', 1000));
    expect([store.size, store.get('huge', '')]).toEqual([3, undefined]);
  });

  test('forgets what is too old, and what is told to', () => {
    const clock = new TestClock();
    const store = new ResponseStore({ maxBytes: 10_000, maxAgeMs: 1000 }, clock);
    store.add(stored('a'));
    clock.time = 600;
    store.add(stored('b'));
    clock.time = 1000;
    expect([store.get('a', ''), store.get('b', '')?.id]).toEqual([undefined, 'b']);
    expect([store.delete('b', ''), store.delete('b', ''), store.bytes]).toEqual([true, false, 0]);
  });

  test('knows owners apart', () => {
    const store = new ResponseStore({ maxBytes: 10_000, maxAgeMs: 1000 }, new TestClock());
    store.add(stored('a', 'ann'));
    expect([store.get('a', 'bob'), store.delete('a', 'bob'), store.get('a', 'ann')?.id]).toEqual([
      undefined,
      false,
      'a',
    ]);
  });
});

describe('/v1/responses', () => {
  const ask = async (server: TestServer, body: object) =>
    JSON.parse(await (await server.post('/v1/responses', { max_output_tokens: 4, seed: 1, ...body })).text());

  test('goes on from an earlier response: the prompt has its messages and its answer', async () => {
    await using server = await startTestServer();
    const first = await ask(server, { input: 'Who came?' });
    const second = await ask(server, { input: 'And then?', previous_response_id: first.id, instructions: 'Be brief.' });
    const chat = `[system]\nBe brief.\nUser: Who came?\nAssistant: ${first.output_text}\nUser: And then?\nAssistant:`;
    expect(second.usage.input_tokens).toBe(tokenizer.encode(chat, { parseSpecial: false }).length);
    expect(second.previous_response_id).toBe(first.id);
  });

  test('keeps nothing that it is told not to keep', async () => {
    await using server = await startTestServer();
    const { id, store } = await ask(server, { input: 'Who came?', store: false });
    expect(store).toBe(false);
    expect((await fetch(`${server.url}/v1/responses/${id}`)).status).toBe(404);
    const after = await server.post('/v1/responses', { input: 'a', previous_response_id: id });
    expect(after.status).toBe(400);
  });
});
