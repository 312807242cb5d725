// Streams: what is sent when, to readers of any pace, up to every kind of end.

import { EventEmitter } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import type { AnswerTarget } from '../../src/server/generation/answer-stream.ts';
import { EventStream } from '../../src/server/generation/event-stream.ts';
import { Generation } from '../../src/server/generation/generation.ts';
import { readPieces } from '../../src/server/generation/read-pieces.ts';
import { Detokenizer } from '../../src/tokenizer/detokenizer.ts';
import { byteTokens } from '../support/byte-tokens.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { EOS, HeldRunner, ScriptedRunner } from '../support/engine/test-runners.ts';
import { parseEvents, textOf } from '../support/server/read-events.ts';
import { SERVER_LIMITS, startTestServer, type TestServer, talesTokenizer } from '../support/server/test-server.ts';

const BYTES = byteTokens(talesTokenizer);
const LONG = { prompt: [1], max_tokens: 200, ignore_eos: true };

/** A runner that writes the text of the request whose prompt is its number. */
class TextsRunner extends FakeRunner {
  readonly #scripts: readonly (readonly number[])[];

  constructor(scripts: readonly (readonly number[])[]) {
    super({ ...SERVER_LIMITS, numBlocks: 2048, maxBatchSize: 32, maxModelLen: 1024, maxBatchTokens: 2048 });
    this.#scripts = scripts;
  }

  override compute(plan: Parameters<FakeRunner['compute']>[0]) {
    const { finite } = super.compute(plan);
    const ids = plan.samplingRows.map(({ seed, position }) => this.#scripts[seed]?.[position - 1] ?? EOS);
    return { finite, ids: Int32Array.from(ids) };
  }
}

/** Sends a call and reads its answer as it comes, in pieces whose sizes the test chooses. */
async function readStream(server: TestServer, body: object): Promise<string> {
  const response = await server.post('/v1/completions', { ...body, stream: true });
  return await response.text();
}

async function settling<T>(runner: HeldRunner, action: () => Promise<T>): Promise<T> {
  const release = setInterval(() => runner.settle(), 1);
  try {
    return await action();
  } finally {
    clearInterval(release);
  }
}

const character = fc.constantFrom(
  'a',
  ' ',
  '\n',
  '\r',
  '😀',
  '漢',
  'é',
  '\u2028',
  '\u2029',
  '"',
  '\\',
  'data: ',
  '\u0000',
  '<|',
);
const texts = fc.array(character, { maxLength: 12 }).map((parts) => parts.join(''));
const STOP = 'a😀';

/** The part of a text before the stop string. */
function beforeStop(text: string): string {
  const [before = ''] = text.split(STOP);
  return before;
}

/** A target that keeps what is written. */
class KeptTarget extends EventEmitter implements AnswerTarget {
  readonly writes: string[] = [];
  isFull = false;
  destroyed = false;
  headersSent = false;

  writeHead(): void {
    this.headersSent = true;
  }

  write(text: string): boolean {
    this.writes.push(text);
    return !this.isFull;
  }

  end(): void {
    this.emit('close');
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

test('10,000 texts with emoji, stop strings and line separators, cut anywhere: the deltas join to the text', async () => {
  const cuts = fc.array(fc.nat({ max: 4000 }), { maxLength: 4 });
  const property = fc.asyncProperty(texts, cuts, async (text, places) => {
    const target = new KeptTarget();
    const events = new EventStream(target, { keepAliveMs: 60_000, stallMs: 60_000 });
    const detokenizer = new Detokenizer(talesTokenizer, { stop: [STOP], minTokens: 0 });
    for (const byte of Buffer.from(text)) {
      if (detokenizer.foundStop !== null) break;
      events.send({ choices: [{ index: 0, text: detokenizer.push(BYTES[byte]!) }] });
      if (byte % 2 === 0) await null;
    }
    events.send({ choices: [{ index: 0, text: detokenizer.finish() }] });
    events.end();
    const sent = target.writes.join('');
    const data: string[] = [];
    const parser = createParser({ onEvent: (event) => data.push(event.data) });
    const edges = [0, ...places.filter((place) => place < sent.length).toSorted((a, b) => a - b), sent.length];
    for (const [index, edge] of edges.entries()) parser.feed(sent.slice(edges[index - 1] ?? 0, edge));
    expect(data.at(-1)).toBe('[DONE]');
    const pieces = data.slice(0, -1).map((each): string => JSON.parse(each).choices[0].text);
    expect(pieces.join('')).toBe(beforeStop(text));
    expect(pieces.every((piece) => piece.isWellFormed())).toBe(true);
  });
  await fc.assert(property, { numRuns: 10_000, seed: 7 });
});

test('texts that come over HTTP join likewise', async () => {
  const written = fc.sample(texts, { numRuns: 100, seed: 8 });
  const runner = new TextsRunner(written.map((text) => [...[...Buffer.from(text)].map((byte) => BYTES[byte]!), EOS]));
  await using server = await startTestServer({ runner });
  const call = { prompt: [1], max_tokens: 200, stop: [STOP] };
  const answers = await Promise.all(written.map((_, seed) => readStream(server, { ...call, seed })));
  for (const [index, answer] of answers.entries()) {
    const events = parseEvents(answer);
    expect(textOf(events)).toBe(beforeStop(written[index]!));
    expect(events.isMarked).toBe(true);
  }
});

test('the pieces of one step are one write: choices of a call come together', async () => {
  const runner = new HeldRunner(SERVER_LIMITS);
  await using server = await startTestServer({ runner });
  await settling(runner, async () => {
    const response = await server.post('/v1/completions', { ...LONG, max_tokens: 5, n: 4, stream: true });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (let step = 0; step < 5; step++) {
      const { value = '' } = await reader.read();
      const indices = parseEvents(value).chunks.flatMap(({ choices }) => choices.map(({ index }) => index));
      expect(new Set(indices)).toEqual(new Set([0, 1, 2, 3]));
    }
    await reader.cancel();
  });
});

describe('a reader', () => {
  test('that takes nothing is not written to until it has taken something', async () => {
    const target = new KeptTarget();
    target.isFull = true;
    const events = new EventStream(target, { keepAliveMs: 60_000, stallMs: 60_000 });
    await using engine = new Engine({ runner: new FakeRunner(SERVER_LIMITS), tokenizer: talesTokenizer });
    const prompts = [{ promptIds: [1], sampling: { maxTokens: 50, ignoreEos: true } }];
    const { choices } = Generation.start(engine, { kind: 'cmpl', owner: '', prompts, n: 1, seed: 1 });
    let numTaken = 0;
    const read = readPieces(choices[0]!, events, () => {
      numTaken++;
      events.send({ number: numTaken });
    });
    await choices[0]!.stream.finished;
    // The engine went on; the reader has had the write that filled it, and what was asked for before.
    expect(target.writes.length).toBeLessThanOrEqual(2);
    expect(numTaken).toBeLessThan(5);
    target.isFull = false;
    target.emit('drain');
    await read;
    expect(numTaken).toBe(50);
    expect(target.destroyed).toBe(false);
  });

  test('that takes nothing for a while is disconnected', async () => {
    const target = new KeptTarget();
    const events = new EventStream(target, { keepAliveMs: 60_000, stallMs: 50 });
    target.isFull = true;
    events.send({ number: 1 });
    await expect.poll(() => target.destroyed).toBe(true);
    expect(events.drained).toBeNull();
  });

  test('of a silent stream gets comments', async () => {
    const runner = new HeldRunner(SERVER_LIMITS);
    await using server = await startTestServer({ runner, options: { keepAlive: 0.05 } });
    const response = await server.post('/v1/completions', { ...LONG, max_tokens: 2, stream: true });
    await setTimeout(200);
    const text = await settling(runner, () => response.text());
    expect(text).toMatch(/^: /);
    expect(parseEvents(text)).toMatchObject({ isMarked: true, comments: expect.any(Number) });
  });
});

describe('an end', () => {
  test('by the deadline is 504 before the first byte and an event after it', async () => {
    const runner = new HeldRunner(SERVER_LIMITS);
    await using server = await startTestServer({ runner, options: { requestTimeout: 0.5 } });
    const early = await server.post('/v1/completions', { ...LONG, stream: true });
    expect(early.status).toBe(504);
    expect(early.headers.get('x-should-retry')).toBe('false');
    expect(JSON.parse(await early.text()).error).toMatchObject({ type: 'timeout_error', code: 'deadline_exceeded' });
    const late = await settling(runner, async () => {
      const response = await server.post('/v1/completions', { ...LONG, stream: true });
      return { response };
    });
    const { chunks } = parseEvents(await late.response.text());
    expect(chunks.at(-1)?.error?.code).toBe('deadline_exceeded');
    await settling(runner, () => server.server.close());
  });

  test('by a step that throws says nothing of what was thrown, and the log only where texts are wanted', async () => {
    class ThrowingRunner extends FakeRunner {
      override execute(plan: Parameters<FakeRunner['execute']>[0]) {
        if (this.plans.length === 5) throw new Error('/home/somebody/model.bin: Once upon');
        return super.execute(plan);
      }
    }
    for (const logTexts of [false, true]) {
      await using server = await startTestServer({ runner: new ThrowingRunner(SERVER_LIMITS), options: { logTexts } });
      const { chunks } = parseEvents(await readStream(server, { ...LONG, prompt: 'b' }));
      const whole = JSON.parse(await (await server.post('/v1/completions', LONG)).text());
      for (const error of [chunks.at(-1)?.error, whole.error]) {
        expect(error).toMatchObject({
          code: 'generation_failed',
          message: 'generation failed: a step has thrown; the log has it under the id of this request',
        });
      }
      const lines = server.lines.filter((line) => line.includes('"level":50'));
      expect(lines.map((line) => [line.includes('RequestFailedError'), line.includes('somebody')])).toEqual([
        [true, logTexts],
        [true, logTexts],
      ]);
    }
  });

  test('of a response is told twice: as a response that failed, and as an error of the type that clients know', async () => {
    const runner = new FakeRunner(SERVER_LIMITS);
    runner.isBroken = ({ position }) => position === 12;
    await using server = await startTestServer({ runner });
    const text = await (await server.post('/v1/responses', { input: 'a', stream: true })).text();
    const [failed, error] = [...text.matchAll(/^data: (.*)$/gm)].slice(-2).map(([, data = '']) => JSON.parse(data));
    const fault = { code: 'generation_failed', message: expect.stringContaining('not finite') };
    expect(failed).toMatchObject({ type: 'response.failed', response: { status: 'failed', error: fault } });
    expect(error).toEqual({ type: 'error', sequence_number: failed.sequence_number + 1, ...fault, param: null });
  });

  test('has its code in the log, also after the first byte', async () => {
    const runner = new FakeRunner(SERVER_LIMITS);
    runner.isBroken = ({ position }) => position === 12;
    await using server = await startTestServer({ runner });
    await readStream(server, LONG);
    const plain = { prompt: 'a', max_new_tokens: 100, stop_on_eos: false, stream: true };
    await expect((await server.post('/generate', plain)).text()).rejects.toThrow();
    await (await server.post('/v1/responses', { input: 'a', stream: true })).text();
    await (await server.post('/v1/completions', { prompt: 5 })).text();
    const calls = () => server.lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'call');
    await expect.poll(() => calls().length).toBe(4);
    expect(calls().map(({ error }) => error)).toEqual([
      'generation_failed',
      'generation_failed',
      'generation_failed',
      'invalid_value',
    ]);
  });

  test('by a fault is an event, and plain text is cut', async () => {
    const runner = new FakeRunner(SERVER_LIMITS);
    runner.isBroken = ({ position }) => position === 12;
    await using server = await startTestServer({ runner });
    const { chunks, isMarked } = parseEvents(await readStream(server, LONG));
    expect(chunks.at(-1)?.error).toMatchObject({ type: 'server_error', code: 'generation_failed' });
    expect(isMarked).toBe(true);
    const plain = await server.post('/generate', {
      prompt: 'a',
      max_new_tokens: 100,
      stop_on_eos: false,
      stream: true,
    });
    await expect(plain.text()).rejects.toThrow();
  });

  test('of the server is 503 for new calls, and an event for those that have no more time', async () => {
    const runner = new HeldRunner(SERVER_LIMITS);
    const server = await startTestServer({ runner, options: { drainTimeout: 0.5 } });
    const stream = await settling(runner, () => server.post('/v1/completions', { ...LONG, stream: true }));
    const closing = server.server.close();
    const health = await fetch(`${server.url}/health`);
    expect(health.status).toBe(503);
    const refused = await server.post('/v1/completions', LONG);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    const release = setTimeout(600).then(() => settling(runner, () => closing));
    const { chunks, isMarked } = parseEvents(await stream.text());
    expect(chunks.at(-1)?.error?.code).toBe('shutting_down');
    expect(isMarked).toBe(true);
    await release;
    await expect(fetch(`${server.url}/health`)).rejects.toThrow();
  });

  test('of the device is 503, also for its health', async () => {
    const runner: FakeRunner & { failure?: Error } = new FakeRunner(SERVER_LIMITS);
    await using server = await startTestServer({ runner });
    runner.isBroken = () => runner.failure !== undefined;
    const stream = await server.post('/v1/completions', { ...LONG, stream: true });
    runner.failure = new Error('device lost');
    expect(parseEvents(await stream.text()).chunks.at(-1)?.error?.code).toBe('device_failed');
    for (const response of [await fetch(`${server.url}/health`), await server.post('/v1/completions', LONG)]) {
      expect(response.status).toBe(503);
      expect(JSON.parse(await response.text()).error.code).toBe('device_failed');
    }
  });
});

test('a stream does not begin before its first piece, so that a full queue is 429', async () => {
  const runner = new HeldRunner({ ...SERVER_LIMITS, maxBatchSize: 1 });
  await using server = await startTestServer({ runner, engine: { maxQueuedRequests: 1 } });
  const send = () => server.post('/v1/completions', { ...LONG, max_tokens: 2, stream: true });
  const taken = [send(), send()];
  await expect.poll(() => server.server.numChoices).toBe(2);
  const refused = await send();
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  expect((await server.post('/v1/completions', { ...LONG, n: 3 })).status).toBe(400);
  await settling(runner, async () => {
    for (const answer of await Promise.all(taken)) expect(parseEvents(await answer.text()).isMarked).toBe(true);
  });
});

test('a special token within a text is not sent', async () => {
  await using server = await startTestServer({ runner: new ScriptedRunner([BYTES[0x61]!, EOS, BYTES[0x62]!]) });
  const { chunks } = parseEvents(await readStream(server, { prompt: [1], max_tokens: 3, ignore_eos: true }));
  expect(textOf({ chunks, isMarked: true, comments: 0 })).toBe('ab');
});
