// Servers of OpenAI's API that are none of ours: each test says how it answers.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A call as a stub sees it. */
export interface StubCall {
  readonly path: string;
  readonly body: { readonly prompt?: string | readonly number[]; readonly [name: string]: unknown };
  readonly authorization: string | undefined;
  /** Number of the call among those of its path, from 0 on. */
  readonly index: number;
}

export type StubHandler = (call: StubCall, response: ServerResponse) => unknown;

export interface StubServer extends AsyncDisposable {
  readonly url: string;
  readonly calls: readonly StubCall[];
}

/** Starts a server with a handler for each path; it answers 404 at all others. */
export async function startStub(handlers: Readonly<Record<string, StubHandler>>): Promise<StubServer> {
  const calls: StubCall[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '';
    const body: StubCall['body'] = request.method === 'POST' ? Object(await json(request)) : {};
    const index = calls.filter((call) => call.path === path).length;
    const call = { path, body, index, authorization: request.headers.authorization };
    calls.push(call);
    const handler = handlers[path];
    if (handler === undefined) sendJson(response, { detail: 'Not Found' }, 404);
    else await handler(call, response);
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port }: AddressInfo = Object(server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

export function sendJson(response: ServerResponse, value: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** Writes events, each in a piece of its own. */
export function sendEvents(response: ServerResponse, events: readonly (object | string)[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of events) response.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`);
}

/** A chunk of a completion. */
export function chunk(text: string, fields: object = {}): object {
  return { choices: [{ index: 0, text, finish_reason: null, ...fields }] };
}
