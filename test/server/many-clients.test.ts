// Many clients at once: each gets what it would get alone, whoever else comes, goes or is cut.
import { setTimeout } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
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

/** A choice of a whole answer or of a chunk, of completions and of chats. */
interface AnyChoice {
  readonly text?: string;
  readonly message?: { readonly content: string };
  readonly delta?: { readonly content?: string };
  readonly token_ids?: readonly number[];
  readonly logprobs: {
    readonly text_offset?: readonly number[];
    readonly content?: readonly { readonly token: string }[];
  } | null;
  readonly finish_reason: string | null;
  readonly stop_reason?: string | number | null;
}

/** Gathers the choice of an answer, or of the chunks of one. */
function gather(choices: readonly AnyChoice[]) {
  return {
    ids: choices.flatMap(({ token_ids: ids = [] }) => ids),
    text: choices.map(({ text, message, delta }) => text ?? message?.content ?? delta?.content ?? '').join(''),
    offsets: choices.flatMap(({ logprobs }) => logprobs?.text_offset ?? []),
    tokens: choices.flatMap(({ logprobs }) => logprobs?.content?.map(({ token }) => token) ?? []),
    reason: choices.at(-1)?.finish_reason,
    stop: choices.at(-1)?.stop_reason,
  };
}

/** Reads a stream until `numIds` ids have come, then drops the connection; all of it for Infinity. */
async function readIds(server: TestServer, path: string, body: object, numIds = Number.POSITIVE_INFINITY) {
  const abort = new AbortController();
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, stream: true }),
    signal: abort.signal,
  });
  const choices: AnyChoice[] = [];
  let count = 0;
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === '[DONE]' || count >= numIds) return;
      const [choice]: AnyChoice[] = JSON.parse(data).choices;
      choices.push(choice!);
      count += choice?.token_ids?.length ?? 0;
    },
  });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let next = await reader.read(); !next.done && count < numIds; next = await reader.read())
    parser.feed(next.value);
  abort.abort();
  return gather(choices);
}

test('100 calls that are cut at random ids go on at a second server as if they never had been', async () => {
  const calls = drawCalls(NUM_REQUESTS).map(({ prompt, ...call }, index) => ({
    path: index % 2 === 0 ? '/v1/completions' : '/v1/chat/completions',
    body: {
      ...call,
      ...(index % 2 === 0
        ? { prompt, logprobs: 0 }
        : {
            messages: [{ role: 'user', content: tokenizer.decode(prompt, { skipSpecialTokens: true }) }],
            logprobs: true,
          }),
      frequency_penalty: [0, 0.5][index % 3] ?? -1,
      // Texts that end like the beginning of a stop string are held back.
      stop: index % 3 === 0 ? ['e t', 's w', 'd s', 'n t'] : call.stop,
      repetition_penalty: [1, 1.3][index % 5] ?? 1,
      logit_bias: index % 7 === 0 ? { 5: 20 } : {},
      return_token_ids: true,
    },
  }));
  await using first = await startTestServer({ runner: new FakeRunner({ ...limits, maxModelLen: 256 }) });
  await using second = await startTestServer({ runner: new FakeRunner({ ...limits, maxModelLen: 256 }) });
  const wholeOf = async (server: TestServer, path: string, body: object) => {
    const response = await server.post(path, { ...body, stream: false });
    return gather(JSON.parse(await response.text()).choices);
  };
  const met = { cut: 0, penalties: 0, minTokens: 0, stopString: 0, length: 0, heldBack: 0 };
  await runClients(8, calls.length, async (index) => {
    const { path, body } = calls[index]!;
    const whole = await wholeOf(first, path, body);
    const cut = (index * 7) % Math.max(whole.ids.length, 1);
    if (cut === 0 || met.cut === 100) return;
    met.cut++;
    const begun = await readIds(first, path, body, cut);
    expect(begun.ids).toEqual(whole.ids.slice(0, cut));
    const resume = { ids: begun.ids, system_fingerprint: second.model.fingerprint };
    const rest = await readIds(second, path, { ...body, resume });
    expect({ ...rest, ids: [...begun.ids, ...rest.ids], text: begun.text + rest.text }).toEqual({
      ...whole,
      offsets: whole.offsets.slice(cut),
      tokens: whole.tokens.slice(cut),
    });
    expect(await wholeOf(second, path, { ...body, resume })).toEqual({
      ...whole,
      offsets: whole.offsets.slice(cut),
      tokens: whole.tokens.slice(cut),
    });
    if (body.frequency_penalty !== 0 && body.repetition_penalty !== 1 && body.presence_penalty !== 0) met.penalties++;
    if (body.min_tokens > cut) met.minTokens++;
    if (typeof whole.stop === 'string') met.stopString++;
    if (whole.reason === 'length') met.length++;
    if (tokenizer.decode(begun.ids, { skipSpecialTokens: true }) !== begun.text) met.heldBack++;
  });
  expect(met.cut).toBe(100);
  // The test means little unless it met all of these.
  for (const [kind, count] of Object.entries(met))
    expect(count, `${kind} of ${JSON.stringify(met)}`).toBeGreaterThan(2);
  await expect.poll(() => first.server.numChoices).toBe(0);
  const resume = { ids: [1], system_fingerprint: 'fp_other' };
  for (const { path, body } of calls.slice(0, 2)) {
    const refused = await second.post(path, { ...body, resume });
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect([refused.status, JSON.parse(await refused.text()).error.code]).toEqual([409, 'other_fingerprint']);
  }
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
