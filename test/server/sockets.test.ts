// Clients that only a socket can show: those that stop reading, reset or half close, and bytes that two servers might read as different
// calls. Others are served throughout.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { FakeRunner } from '../support/engine/fake-runner.ts';
import { HeldRunner } from '../support/engine/test-runners.ts';
import { openSocket, rawCall } from '../support/server/raw-call.ts';
import { idsOf, parseEvents } from '../support/server/read-events.ts';
import {
  SERVER_LIMITS,
  startTestServer,
  type TestServer,
  talesTokenizer as tokenizer,
} from '../support/server/test-server.ts';

/** A window keeps the runner's own work small. */
const limits = { ...SERVER_LIMITS, maxBatchSize: 16, maxModelLen: 1024, numBlocks: 4096, window: 16 };
const STREAM = { prompt: [1], max_tokens: 100, ignore_eos: true, stream: true };

/** Bytes of a call. */
function callOf(body: object): string {
  const text = JSON.stringify(body);
  const head = 'POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
  return `${head}content-length: ${text.length}\r\n\r\n${text}`;
}

/** The server's end of a call. */
interface Served {
  readonly response: ServerResponse;
  /** Settles when the server closes the connection. */
  readonly closed: Promise<unknown>;
}

/** Sends calls on a socket that nobody reads; returns the server's end of the first. */
async function sendUnread({ url }: TestServer, bytes: string): Promise<Served & { readonly socket: Socket }> {
  const started = Promise.withResolvers<Served>();
  const socket = await openSocket(url);
  const listener = (message: unknown) => {
    const { socket: own, response } = message as { socket: Socket; response: ServerResponse };
    if (own.remotePort === socket.localPort) started.resolve({ response, closed: once(own, 'close') });
  };
  subscribe('http.server.request.start', listener);
  socket.write(bytes);
  const served = await started.promise;
  unsubscribe('http.server.request.start', listener);
  return { socket, ...served };
}

describe('a client that stops reading', () => {
  /** Texts that no buffers of a system hold. */
  const LARGE = { prompt: [1], max_tokens: 1000, ignore_eos: true, logprobs: 20, n: 8 };
  const MOST_BUFFERED = 1 << 20;

  test('of a stream is bounded and ends, and others have their ids meanwhile', async () => {
    const seeds = [1, 2, 3, 4];
    await using engine = new Engine({ runner: new FakeRunner(limits), tokenizer });
    const sampling = { maxTokens: 200, ignoreEos: true };
    const alone = await engine.generateBatch(
      seeds.map((seed) => ({ promptIds: [9], sampling: { ...sampling, seed } })),
    );
    await using server = await startTestServer({ runner: new FakeRunner(limits), options: { stallTimeout: 2 } });
    const { socket, response, closed } = await sendUnread(server, callOf({ ...LARGE, stream: true }));
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, response.writableLength);
    }, 1);
    const others = seeds.map(async (seed) => {
      const call = { ...STREAM, prompt: [9], max_tokens: 200, seed, return_token_ids: true };
      return idsOf(parseEvents(await (await server.post('/v1/completions', call)).text()));
    });
    expect(await Promise.all(others)).toEqual(alone.map(({ ids }) => ids));
    await closed;
    clearInterval(watch);
    expect(response.writableFinished).toBe(false);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(MOST_BUFFERED);
    await expect.poll(() => server.server.engine.stats).toMatchObject({ numRunning: 0, numUsedBlocks: 0 });
    socket.destroy();
  });

  test('of whole answers is disconnected', async () => {
    await using server = await startTestServer({ runner: new FakeRunner(limits), options: { stallTimeout: 1 } });
    const whole = callOf({ ...LARGE, n: 1 });
    const { socket, closed } = await sendUnread(server, whole.repeat(12));
    await closed;
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    socket.destroy();
  });
});

describe('a client that leaves', () => {
  // The end of what it sends is all that a client which has closed its socket shows.
  test.each(['destroy', 'resetAndDestroy', 'end'] as const)('by %s holds nothing from then on', async (leave) => {
    const runner = new HeldRunner(SERVER_LIMITS);
    const server = await startTestServer({ runner });
    const socket = await openSocket(server.url);
    socket.write(callOf(STREAM));
    const hasPiece = once(socket, 'data');
    const release = setInterval(() => runner.settle(), 1);
    await hasPiece;
    clearInterval(release);
    expect(server.server.engine.stats.numUsedBlocks).toBeGreaterThan(0);
    socket[leave]();
    // No step has to end for it.
    await expect.poll(() => server.server.engine.stats).toMatchObject({ numRunning: 0, numUsedBlocks: 0 });
    const end = setInterval(() => runner.settle(), 1);
    await server[Symbol.asyncDispose]();
    clearInterval(end);
  });

  test('the queue leaves no request there', async () => {
    const runner = new HeldRunner({ ...SERVER_LIMITS, maxBatchSize: 1 });
    const server = await startTestServer({ runner });
    const sockets = [await openSocket(server.url), await openSocket(server.url)];
    for (const [numWaiting, socket] of sockets.entries()) {
      socket.write(callOf(STREAM));
      await expect.poll(() => server.server.engine.stats).toMatchObject({ numRunning: 1, numWaiting });
    }
    sockets[1]!.destroy();
    await expect.poll(() => server.server.engine.stats).toMatchObject({ numRunning: 1, numWaiting: 0 });
    sockets[0]!.destroy();
    const end = setInterval(() => runner.settle(), 1);
    await server[Symbol.asyncDispose]();
    clearInterval(end);
  });

  test('in the middle of its body has no work done', async () => {
    const runner = new FakeRunner(SERVER_LIMITS);
    await using server = await startTestServer({ runner });
    const socket = await openSocket(server.url);
    socket.write(callOf(STREAM).slice(0, -5));
    await expect.poll(() => connectionsOf(server)).toBeGreaterThan(1);
    socket.destroy();
    await expect.poll(() => server.lines.some((line) => line.includes('"left":true'))).toBe(true);
    expect(runner.plans).toEqual([]);
  });
});

async function connectionsOf({ url }: TestServer): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^roseinfer:connections\S* (\d+)$/m.exec(text)?.[1]);
}

describe('a call that hides another', () => {
  const host = 'host: localhost\r\n';
  const post = `POST /v1/completions HTTP/1.1\r\n${host}content-type: application/json\r\n`;
  const chunked = 'transfer-encoding: chunked\r\n';
  const hidden = `GET /version HTTP/1.1\r\n${host}\r\n`;
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer({ options: { headersTimeout: 1, bodyTimeout: 1 } });
  });

  afterAll(() => server[Symbol.asyncDispose]());

  test.each([
    ['a length and chunks', `${post}content-length: 5\r\n${chunked}\r\n0\r\n\r\n`],
    ['chunks and a length', `${post}${chunked}content-length: 5\r\n\r\n0\r\n\r\n`],
    ['two lengths', `${post}content-length: 2\r\ncontent-length: 60\r\n\r\n{}`],
    ['two lengths in one header', `${post}content-length: 2, 60\r\n\r\n{}`],
    ['a length with a sign', `${post}content-length: +2\r\n\r\n{}`],
    ['a negative length', `${post}content-length: -2\r\n\r\n{}`],
    ['a length in hexadecimal', `${post}content-length: 0x2\r\n\r\n{}`],
    ['a length of no number', `${post}content-length: \r\n\r\n{}`],
    ['a length beyond 64 bits', `${post}content-length: 18446744073709551618\r\n\r\n{}`],
    ['an unknown encoding', `${post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['chunks that are not the last encoding', `${post}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['encodings in two headers', `${post}${chunked}transfer-encoding: identity\r\n\r\n0\r\n\r\n`],
    ['a tab before a colon', `${post}transfer-encoding\t: chunked\r\n\r\n0\r\n\r\n`],
    ['a folded header', `${post}x: a\r\n b: c\r\ncontent-length: 2\r\n\r\n{}`],
    ['a folded encoding', `${post}transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
    ['a line feed alone after a header', `${post}x: a\ncontent-length: 2\r\n\r\n{}`],
    ['line feeds alone', `${post}content-length: 2\r\n\r\n{}`.replaceAll('\r\n', '\n')],
    ['a carriage return alone', `${post}x: a\rcontent-length: 60\r\ncontent-length: 2\r\n\r\n{}`],
    ['a zero byte in a header', `${post}x: a\0b\r\ncontent-length: 2\r\n\r\n{}`],
    ['a chunk of no size', `${post}${chunked}\r\n\r\n{}\r\n0\r\n\r\n`],
    ['a chunk with a sign', `${post}${chunked}\r\n-2\r\n{}\r\n0\r\n\r\n`],
    ['a chunk beyond 64 bits', `${post}${chunked}\r\n10000000000000002\r\n{}\r\n0\r\n\r\n`],
    ['a chunk that is longer than it says', `${post}${chunked}\r\n1\r\n{}\r\n0\r\n\r\n`],
    ['a chunk without a carriage return', `${post}${chunked}\r\n2\n{}\n0\n\n`],
    ['an extension of a chunk with a line feed', `${post}${chunked}\r\n2;a\nb\r\n{}\r\n0\r\n\r\n`],
  ])('by %s is refused, and the other is not served', async (_, bytes) => {
    const before = server.lines.length;
    const { status, body } = await rawCall(server.url, `${bytes}${hidden}`);
    expect(status).toBe(400);
    // One answer and no more; that a prompt is missing would be another code.
    expect(JSON.parse(body).error.code).toBe('invalid_request');
    expect(server.lines.slice(before).join('')).not.toContain('/version');
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });

  test('in two Host headers is refused', async () => {
    const { status, body } = await rawCall(server.url, `GET /version HTTP/1.1\r\n${host}host: a.example\r\n\r\n`);
    expect([status, JSON.parse(body).error.code]).toEqual([400, 'invalid_request']);
  });

  test('by nothing at all is served, each in its turn', async () => {
    const { body } = await rawCall(server.url, `${post}content-length: 2\r\n\r\n{}${hidden}`);
    await expect.poll(() => server.lines.join('')).toContain('/version');
    expect(body).toBeTruthy();
  });
});

test('a call that took too long is not served when its rest comes after all, nor holds the connection', async () => {
  const runner = new FakeRunner(SERVER_LIMITS);
  await using server = await startTestServer({ runner, options: { headersTimeout: 1, bodyTimeout: 1 } });
  const { hostname, port } = new URL(server.url);
  // It goes on sending when the server has ended its side.
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  socket.on('error', () => {});
  const call = callOf(STREAM);
  socket.write(call.slice(0, -1));
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1\.1 408 /);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(call.slice(-1));
  const sending = setInterval(() => socket.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n'), 50);
  await closed;
  clearInterval(sending);
  expect(runner.plans).toEqual([]);
}, 30_000);

test('connections that say nothing, and bodies of many small chunks, are closed in time', async () => {
  await using server = await startTestServer({ options: { headersTimeout: 1, bodyTimeout: 1 } });
  const silent = await openSocket(server.url);
  let heard = '';
  silent.on('data', (chunk) => {
    heard += chunk;
  });
  const closed = once(silent, 'close');
  const head = callOf(STREAM).replace(/content-length(.|\s)*/, 'transfer-encoding: chunked\r\n\r\n');
  const trickle = await rawCall(server.url, [head, ...Array(40).fill('1\r\n \r\n')], 100);
  expect([0, 400, 408]).toContain(trickle.status);
  await closed;
  // A client that has connected ahead would take an answer for that to its next call.
  expect(heard).toBe('');
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
}, 30_000);
