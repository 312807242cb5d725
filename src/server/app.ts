// The way of a call: who may call, which handler answers, and how an error becomes an answer. Streams go to the socket past this
// framework, whose own take several times as long a piece.

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { Hosts } from './access/hosts.ts';
import { Keys } from './access/keys.ts';
import { Origins } from './access/origins.ts';
import { ApiError } from './api-error.ts';
import { answerOfError } from './call-errors.ts';
import { chatCompletions } from './endpoints/chat-completions.ts';
import { completions } from './endpoints/completions.ts';
import { embeddings } from './endpoints/embeddings.ts';
import { generate } from './endpoints/generate.ts';
import { deleteResponse, responses, storedResponse } from './endpoints/responses.ts';
import * as status from './endpoints/status.ts';
import { detokenize, tokenize } from './endpoints/tokenize.ts';
import { live } from './page/live.ts';
import { index, pageFile } from './page/page-files.ts';
import type { Call, CallVariables, Serving } from './serving.ts';

type Handler = (serving: Serving, call: Call) => Response | Promise<Response>;

/** A handler for each method and path. */
export const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /': index,
  'GET /page/:file': pageFile,
  'GET /live': live,
  'GET /health': status.health,
  'GET /version': status.version,
  'GET /metrics': status.metrics,
  'GET /server_info': status.serverInfo,
  'GET /model_info': status.modelInfo,
  'GET /v1/models': status.models,
  'GET /v1/models/:id{.+}': status.model,
  'POST /generate': generate,
  'POST /v1/completions': completions,
  'POST /v1/chat/completions': chatCompletions,
  'POST /v1/responses': responses,
  'POST /v1/embeddings': embeddings,
  'GET /v1/responses/:id': storedResponse,
  'DELETE /v1/responses/:id': deleteResponse,
  'POST /tokenize': tokenize,
  'POST /detokenize': detokenize,
  'POST /abort/:id': status.abort,
};

/** An id of a caller's own: nothing that a log or a header could take for more. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

interface Env {
  Bindings: HttpBindings;
  Variables: Partial<CallVariables>;
}

/** Makes the handler of all calls. */
export function createApp(serving: Serving): Hono<Env> {
  const { options } = serving;
  const access = { keys: new Keys(options.keys), hosts: new Hosts([options.host, ...options.allowedHosts]) };
  const origins = new Origins(options.cors);
  const app = new Hono<Env>();
  app.use(async (call, next) => {
    const { incoming, outgoing } = call.env;
    const shown = incoming.headers['x-request-id'];
    const requestId = typeof shown === 'string' && REQUEST_ID.test(shown) ? shown : randomBytes(16).toString('hex');
    call.set('requestId', requestId);
    const headers = { 'x-request-id': requestId, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
    for (const [name, value] of Object.entries({ ...headers, ...origins.headersFor(incoming.headers) })) {
      outgoing.setHeader(name, value);
    }
    logAtEnd(serving, call);
    limitTail(outgoing, incoming.socket, options.stallTimeout * 1000);
    // Node takes the first of several; a proxy before it may have gone by another.
    if ((incoming.headersDistinct.host?.length ?? 0) > 1) {
      throw new ApiError(400, 'call has several Host headers, expected one', { code: 'invalid_request' });
    }
    if (!access.hosts.accepts(incoming.headers.host, incoming.socket.localAddress)) {
      const message = 'host is not one of this server, expected its address, loopback or one of --allowed-hosts';
      throw new ApiError(403, message, { code: 'host_not_allowed' });
    }
    if (!origins.accepts(incoming.headers) && !isLinkToPage(incoming)) {
      throw new ApiError(403, 'page is of another origin, expected one of --cors', { code: 'origin_not_allowed' });
    }
    if (incoming.method === 'OPTIONS') return call.body(null, 204, origins.preflightHeaders(incoming.headers));
    const owner = access.keys.ownerOf(incoming.headers.authorization);
    if (owner === null && !isOpen(call.req.path, options.metricsOpen)) {
      const message = 'key is missing or wrong, expected one as "Authorization: Bearer KEY"';
      throw new ApiError(401, message, { code: 'invalid_api_key', headers: { 'www-authenticate': 'Bearer' } });
    }
    call.set('owner', owner ?? '');
    return next();
  });
  for (const [route, handler] of Object.entries(ROUTES)) {
    const [method = '', path = ''] = route.split(' ');
    app.on(method, path, (call) => handler(serving, call));
  }
  refuseOtherMethods(app);
  app.notFound(() => {
    throw new ApiError(404, 'path is unknown, expected one of those in docs/server.md', { code: 'not_found' });
  });
  app.onError((error, call) => {
    const answer = answerOfError(serving, call, error);
    return new Response(JSON.stringify(answer.body), {
      status: answer.status,
      headers: { 'content-type': 'application/json', ...answer.headers },
    });
  });
  return app;
}

/** Tells whether a browser follows a link to the page: unlike a call, that does nothing and shows the other site nothing. */
function isLinkToPage({ method, url, headers }: IncomingMessage): boolean {
  const isLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  return isLink && headers.origin === undefined && method === 'GET' && url === '/';
}

/** Tells whether a path needs no key. */
function isOpen(path: string, metricsOpen: boolean): boolean {
  const isPage = path === '/' || path.startsWith('/page/');
  return path === '/health' || isPage || (metricsOpen && path === '/metrics');
}

/** Answers another method of a known path with those that it has. */
function refuseOtherMethods(app: Hono<Env>): void {
  const methods = new Map<string, string[]>();
  for (const route of Object.keys(ROUTES)) {
    const [method = '', path = ''] = route.split(' ');
    methods.set(path, [...(methods.get(path) ?? []), method]);
  }
  for (const [path, known] of methods) {
    app.all(path, (call) => {
      const allow = known.join(', ');
      const message = `method is ${call.req.method}, expected ${known.join(' or ')}`;
      throw new ApiError(405, message, { code: 'method_not_allowed', headers: { allow } });
    });
  }
}

/** Closes a connection whose reader takes nothing for a while of an answer that is all written. */
function limitTail(outgoing: ServerResponse, socket: Socket, stallMs: number): void {
  // The platform takes this back when all has been taken.
  outgoing.once('prefinish', () => socket.setTimeout(stallMs));
}

/** Logs and counts a call when its answer has been sent, or its caller has left. */
function logAtEnd({ log, metrics }: Serving, call: Call): void {
  const { outgoing, incoming } = call.env;
  const begin = performance.now();
  outgoing.once('close', () => {
    // The path as it is declared: what a caller wrote may hold anything.
    const route = call.req.routePath;
    const { statusCode, writableFinished } = outgoing;
    metrics.countAnswer(route, statusCode);
    log.info(
      {
        requestId: call.get('requestId'),
        method: incoming.method,
        route,
        status: statusCode,
        ms: Math.round(performance.now() - begin),
        ...(call.get('tokens') && { tokens: call.get('tokens') }),
        ...(call.get('error') && { error: call.get('error') }),
        ...(!writableFinished && { left: true }),
      },
      'call',
    );
  });
}
