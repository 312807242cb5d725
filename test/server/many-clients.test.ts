// Many clients at once: each gets what it would get alone, whoever else comes, goes or is cut.
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { uniforms } from '../../src/util/random-values.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { idsOf, parseEvents, textOf } from '../support/server/read-events.ts';
import {
  SERVER_LIMITS,
  startTestServer,
  type TestServer,
  talesTokenizer as tokenizer,
} from '../support/server/test-server.ts';

const NUM_REQUESTS = 200;
const NUM_CLIENTS = 32;
const limits = { ...SERVER_LIMITS, maxModelLen: 128, numBlocks: 96 };

/** A runner whose steps take a turn of the timers, so that calls overlap. */
class SlowRunner extends FakeRunner {
  override async execute(plan: Parameters<FakeRunner['execute']>[0]) {
    const result = this.compute(plan);
    await setTimeout(1);
    return result;
  }
}

interface Call {
  readonly prompt: readonly number[];
  readonly seed: number;
  readonly max_tokens: number;
  readonly min_tokens: number;
  readonly presence_penalty: number;
  readonly stop: readonly string[];
  readonly stream: boolean;
}

/** Draws calls of all kinds: some begin alike, some end by a stop string. */
function drawCalls(count: number): Call[] {
  const values = uniforms(5, count * 60).map(Math.abs);
  let next = 0;
  const draw = (below: number) => Math.floor(values[next++]! * below);
  return Array.from({ length: count }, () => {
    const shared = Array.from({ length: draw(3) * 8 }, (_, index) => index + 1);
    const prompt = [...shared, ...Array.from({ length: 1 + draw(20) }, () => draw(8000))];
    const max_tokens = 1 + draw(30);
    return {
      prompt,
      seed: draw(1000),
      max_tokens,
      min_tokens: draw(2) === 0 ? 0 : Math.min(draw(8), max_tokens),
      presence_penalty: draw(3) === 0 ? 1 : 0,
      stop: draw(2) === 0 ? [] : [['e', ' t', 'ing'][draw(3)]!],
      stream: draw(2) === 0,
    };
  });
}

/** What the engine gives for each call alone. */
async function alone(calls: readonly Call[]) {
  await using engine = new Engine({ runner: new FakeRunner(limits), tokenizer, prefixCache: false });
  const ends = [];
  for (const { prompt, seed, max_tokens, min_tokens, presence_penalty, stop } of calls) {
    const sampling = { seed, maxTokens: max_tokens, minTokens: min_tokens, presencePenalty: presence_penalty, stop };
    const { ids, text, finishReason } = await engine.generate({ promptIds: prompt, sampling });
    ends.push({ ids, text, reason: finishReason });
  }
  return ends;
}

async function answerOf(server: TestServer, call: object & { readonly stream: boolean }) {
  const response = await server.post('/v1/completions', { ...call, return_token_ids: true });
  const text = await response.text();
  if (!call.stream) {
    const [choice] = JSON.parse(text).choices;
    return { ids: choice.token_ids, text: choice.text, reason: choice.finish_reason };
  }
  const events = parseEvents(text);
  return { ids: idsOf(events), text: textOf(events), reason: events.chunks.at(-1)?.choices[0]?.finish_reason };
}

/** Lets some clients take calls one after another. */
async function runClients(count: number, calls: number, take: (call: number) => Promise<void>): Promise<void> {
  let next = 0;
  const client = async () => {
    while (next < calls) await take(next++);
  };
  await Promise.all(Array.from({ length: count }, client));
}

test('200 random calls of 32 clients, streamed or not, give the ids, texts and ends of the engine alone', async () => {
  const calls = drawCalls(NUM_REQUESTS);
  const expected = await alone(calls);
  await using server = await startTestServer({ runner: new FakeRunner(limits) });
  const answers: unknown[] = [];
  await runClients(NUM_CLIENTS, calls.length, async (index) => {
    answers[index] = await answerOf(server, calls[index]!);
  });
  expect(answers).toEqual(expected);
  expect(new Set(expected.map(({ reason }) => reason))).toEqual(new Set(['stop', 'length']));
});

test('100 calls that were cut at random ids go on at a second server as if they never had been', async () => {
  const calls = drawCalls(NUM_REQUESTS);
  const expected = await alone(calls);
  await using server = await startTestServer({ runner: new FakeRunner(limits) });
  const cuts = expected
    .map(({ ids }, index) => ({ index, cut: (index * 7) % Math.max(ids.length, 1) }))
    .filter(({ cut }) => cut > 0)
    .slice(0, 100);
  expect(cuts).toHaveLength(100);
  await runClients(8, cuts.length, async (number) => {
    const { index, cut } = cuts[number]!;
    const { ids, text, reason } = expected[index]!;
    const resume = { ids: ids.slice(0, cut), system_fingerprint: 'fp_test' };
    const call = { ...calls[index]!, resume };
    expect(await answerOf(server, { ...call, stream: false })).toEqual({ ids, text, reason });
    const rest = await answerOf(server, { ...call, stream: true });
    expect(rest.ids).toEqual(ids.slice(cut));
    expect(text.endsWith(rest.text)).toBe(true);
    expect(rest.reason).toBe(reason);
  });
  const foreign = { ...calls[0]!, stream: false, resume: { ids: [1], system_fingerprint: 'fp_other' } };
  expect((await server.post('/v1/completions', foreign)).status).toBe(409);
});

test('100 clients that drop at random moments hold nothing, and change nothing for others', async () => {
  const runner = new SlowRunner({ ...limits, maxBatchSize: 16, numBlocks: 1024 });
  await using server = await startTestServer({ runner });
  const calls = drawCalls(20);
  const expected = await alone(calls);
  const others = Promise.all(calls.map((call) => answerOf(server, call)));
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ prompt: [5, 6, 7], max_tokens: 100, ignore_eos: true, stream: true });
  const dropped = Array.from({ length: 100 }, async (_, index) => {
    const abort = new AbortController();
    setTimeout((index * 13) % 120).then(() => abort.abort());
    const { signal } = abort;
    const response = await fetch(`${server.url}/v1/completions`, { method: 'POST', headers, body, signal });
    await response.text();
  });
  const ends = await Promise.allSettled(dropped);
  expect(ends.some(({ status }) => status === 'rejected')).toBe(true);
  expect(await others).toEqual(expected);
  await expect.poll(() => server.server.numChoices).toBe(0);
  // A step may still be on its way.
  await expect.poll(() => server.server.engine.hasUnfinished).toBe(false);
});
