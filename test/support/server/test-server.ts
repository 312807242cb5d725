// Servers of tests: over the fake runner, on a free port, with a log that tests read.

import type { Runner } from '../../../src/core/runner.ts';
import type { ChatFormat } from '../../../src/engine/chat.ts';
import { createLog } from '../../../src/server/log.ts';
import type { ServedModel } from '../../../src/server/served-model.ts';
import { InferenceServer, type ServerEngineOptions } from '../../../src/server/server.ts';
import type { ServerOptions } from '../../../src/server/server-options.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { FakeRunner } from '../engine/fake-runner.ts';

export interface TestServerOptions {
  readonly runner?: Runner;
  readonly options?: Partial<ServerOptions>;
  readonly engine?: ServerEngineOptions;
  readonly chat?: ChatFormat;
  readonly tokenizer?: Tokenizer;
  readonly name?: string;
  readonly fingerprint?: string;
}

export interface TestServer extends AsyncDisposable {
  readonly server: InferenceServer;
  readonly url: string;
  readonly model: ServedModel;
  readonly lines: readonly string[];
  /** Sends a call; a body that is no text is sent as JSON. */
  readonly post: (path: string, body: unknown, headers?: Readonly<Record<string, string>>) => Promise<Response>;
}

/** The tokenizer of the bundled model. */
export const talesTokenizer = await Tokenizer.load('weights/tales');

/** Seconds for the form of a structured output on a busy machine. */
const PATIENT_S = 20;

/** Room for some requests at a time. */
export const SERVER_LIMITS = {
  maxBatchSize: 8,
  maxBatchTokens: 512,
  maxModelLen: 256,
  numBlocks: 512,
  blockSize: 4,
  vocabSize: 8192,
};

/** Starts a server of a model without weights. */
export async function startTestServer(setup: TestServerOptions = {}): Promise<TestServer> {
  const {
    runner = new FakeRunner(SERVER_LIMITS),
    options,
    engine,
    chat,
    tokenizer = talesTokenizer,
    name = 'tales',
    fingerprint = 'fp_test',
  } = setup;
  const lines: string[] = [];
  const model = { name, runner, tokenizer, chat, embeddingSize: 2, fingerprint, facts: { dtype: 'f16' } };
  const log = createLog('debug', { write: (line) => lines.push(line) });
  const server = await InferenceServer.start(model, {
    log,
    options: { port: 0, compileTimeout: PATIENT_S, ...options },
    engine,
  });
  const { url } = server;
  const post = (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { server, url, model, lines, post, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
