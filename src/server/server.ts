// A server from its start to its end: it listens, answers, and when it is told to end finishes what it has begun, as far as there is
// time.

import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { Engine } from '../engine/engine.ts';
import type { EngineOptions } from '../engine/engine-options.ts';
import { rolesChat } from '../engine/roles-chat.ts';
import { Connections } from './access/connections.ts';
import { ApiError } from './api-error.ts';
import { createApp } from './app.ts';
import { Generations } from './generation/generations.ts';
import { Grammars } from './grammars.ts';
import { listen } from './listen.ts';
import type { Logger } from './log.ts';
import { LoopDelay } from './loop-delay.ts';
import { Metrics } from './metrics.ts';
import { LiveView } from './page/live-view.ts';
import { QueuePace } from './queue-pace.ts';
import { ResponseStore } from './response-store.ts';
import type { ServedModel } from './served-model.ts';
import { checkAccess, MAX_HEADER_BYTES, SERVER_DEFAULTS, type ServerOptions } from './server-options.ts';
import type { Serving } from './serving.ts';

/** Options of the engine of a server. */
export type ServerEngineOptions = Omit<EngineOptions, 'runner' | 'tokenizer' | 'chat' | 'clock'>;

/** Parts of a server besides its model. */
export interface ServerSetup {
  readonly log: Logger;
  readonly options?: Partial<ServerOptions> | undefined;
  readonly engine?: ServerEngineOptions | undefined;
}

/** Time that answers have to go out after what they answer has ended, in milliseconds. */
const FLUSH_MS = 1000;
/** Longer than proxies keep a connection that rests, so that they, not we, close it. */
const REST_MS = 75_000;
/** How often slow callers are looked for, in milliseconds. */
const CHECK_MS = 1000;

/** A server of one model, which stays the caller's. */
export class InferenceServer implements AsyncDisposable {
  /** Options, and the defaults of those left out. */
  readonly options: ServerOptions;
  readonly engine: Engine;
  readonly #http: HttpServer;
  readonly #generations = new Generations();
  readonly #grammars: Grammars;
  readonly #loopDelay = new LoopDelay();
  readonly #log: Logger;
  #isStopping = false;
  #closed: Promise<void> | null = null;

  private constructor(model: ServedModel, { log, options = {}, engine = {} }: ServerSetup) {
    this.options = { ...SERVER_DEFAULTS, ...options };
    checkAccess(this.options);
    this.#log = log;
    this.#grammars = new Grammars(model, this.options);
    const { headersTimeout, bodyTimeout, maxStoredBytes, storedSeconds } = this.options;
    this.#http = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headersTimeout * 1000,
      requestTimeout: Math.max(headersTimeout, bodyTimeout) * 1000,
      connectionsCheckingInterval: CHECK_MS,
      keepAliveTimeout: REST_MS,
      noDelay: true,
    });
    const connections = new Connections(this.#http, this.options);
    const store = new ResponseStore({ maxBytes: maxStoredBytes, maxAgeMs: storedSeconds * 1000 });
    const metrics = new Metrics({
      modelName: model.name,
      limits: model.runner.limits,
      stats: () => this.engine.stats,
      numConnections: () => connections.size,
      storedBytes: () => store.bytes,
      loopDelay: this.#loopDelay,
    });
    const { runner, tokenizer, chat } = model;
    const pace = new QueuePace(runner.limits.maxBatchSize);
    const live = new LiveView();
    const observers = [metrics, pace, live, ...(engine.observers ?? [])];
    this.engine = new Engine({ ...engine, observers, runner, tokenizer, chat });
    const isStopping = () => this.#isStopping;
    const serving: Serving = {
      model,
      engine: this.engine,
      chat: chat ?? rolesChat(tokenizer),
      options: this.options,
      generations: this.#generations,
      grammars: this.#grammars,
      store,
      metrics,
      live,
      pace,
      log,
      startedAt: Date.now(),
      get isStopping() {
        return isStopping();
      },
    };
    const app = createApp(serving);
    this.#http.on(
      'request',
      getRequestListener(app.fetch, {
        // Other code of the process has the platform's own.
        overrideGlobalObjects: false,
        // Requests that the framework refuses before the app sees them, such as one with a malformed Host header.
        errorHandler: (error) => {
          log.debug({ err: error }, 'call that is none');
          const answer = new ApiError(400, 'call is no valid HTTP request', { code: 'invalid_request' });
          return Response.json(answer.body, { status: answer.status });
        },
      }),
    );
    this.#http.on('checkExpectation', (_, response) => {
      const answer = new ApiError(417, 'expect is unknown, expected 100-continue', { code: 'expectation_failed' });
      response.writeHead(answer.status, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify(answer.body));
    });
    this.#http.on('clientError', answerClientError);
  }

  /**
   * Starts a server.
   *
   * @throws OpenServerError for an address that others reach, without a key; RangeValueError for options of the engine, keys, hosts or
   * origins that make no sense; ListenError for an address that can't be had.
   */
  static async start(model: ServedModel, setup: ServerSetup): Promise<InferenceServer> {
    const server = new InferenceServer(model, setup);
    const { host, port } = server.options;
    try {
      await listen(server.#http, { host, port });
    } catch (error) {
      await server.close();
      throw error;
    }
    server.#log.info({ url: server.url }, 'listening');
    return server;
  }

  /** Where it listens. */
  get url(): string {
    const { address, port, family } = addressOf(this.#http);
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /** Choices that have not ended. */
  get numChoices(): number {
    return this.#generations.numChoices;
  }

  /**
   * Refuses new work and finishes what is under way for at most `drainTimeout` seconds, or until `hurry` aborts; the rest ends with an
   * error as its last event. Idempotent.
   */
  close(hurry?: AbortSignal): Promise<void> {
    this.#closed ??= this.#close(hurry);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close(AbortSignal.abort());
  }

  async #close(hurry: AbortSignal | undefined): Promise<void> {
    // It goes on to listen, so that a caller who asks for its health learns of the end.
    this.#isStopping = true;
    await Promise.race([this.#generations.whenIdle(), abortOf(hurry), timer(this.options.drainTimeout * 1000)]);
    this.#generations.abortAll();
    await this.engine.close();
    await this.#grammars.close();
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#http.closeIdleConnections();
    await Promise.race([closed, timer(FLUSH_MS)]);
    this.#http.closeAllConnections();
    await closed;
    this.#loopDelay[Symbol.dispose]();
    this.#log.info('closed');
  }
}

function addressOf(server: HttpServer): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') return { address: '', port: 0, family: 'IPv4' };
  return address;
}

async function timer(milliseconds: number): Promise<void> {
  await setTimeout(milliseconds, null, { ref: false });
}

function abortOf(signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal?.aborted) resolve();
  signal?.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}

/**
 * Answers what is no HTTP, or comes too slowly, and closes the connection. One that has said nothing has no answer: a client that has
 * connected ahead would take it for that to its next call.
 */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesRead === 0) {
    socket.destroy();
    return;
  }
  const answer = clientError(error.code);
  const body = JSON.stringify(answer.body);
  const head = `HTTP/1.1 ${answer.status} ${answer.code}\r\nconnection: close\r\ncontent-type: application/json\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  // One that goes on sending would hold the connection, or have its call served after all.
  socket.pause();
  timer(FLUSH_MS).then(() => socket.destroy());
}

function clientError(code: string | undefined): ApiError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ApiError(431, `headers are longer than ${MAX_HEADER_BYTES} bytes`, { code: 'headers_too_large' });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ApiError(408, 'call took too long to arrive', { code: 'request_timeout' });
    default:
      return new ApiError(400, 'call is no valid HTTP request', { code: 'invalid_request' });
  }
}
