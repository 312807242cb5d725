// Calls of a server with as little work as can be: bytes of a stream are stamped as they come, and read when it has ended, so that
// the client takes no processor time from a server on the same machine while that works.
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { buffer } from 'node:stream/consumers';
import type { Clock } from '../../src/core/clock.ts';

/** Bytes that came together. */
export interface StampedBytes {
  /** Milliseconds of the client's clock. */
  readonly time: number;
  readonly bytes: Uint8Array;
}

/** Whole answer of a call. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Answer in pieces, after its end. */
export interface StreamedAnswer extends Omit<Answer, 'body'> {
  /** When the call was sent, in milliseconds of the client's clock. */
  readonly sent: number;
  readonly end: number;
  readonly pieces: readonly StampedBytes[];
  /** Code of the system's error that cut the answer; null for one that is whole. */
  readonly fault: string | null;
}

/** Server to call, and how. */
export interface HttpClientOptions {
  /** Address of the server, to which paths are appended. */
  readonly url: URL;
  /** Shown as a bearer where there is one. */
  readonly key: string | undefined;
  /** Seconds without a byte after which a call has failed. */
  readonly timeoutSeconds: number;
  readonly clock: Clock;
  /** Cuts all calls. */
  readonly signal: AbortSignal;
}

/** Client of one server, over connections that it keeps. */
export class HttpClient implements Disposable {
  readonly #options: HttpClientOptions;
  readonly #agent: HttpAgent;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#agent = new (options.url.protocol === 'https:' ? HttpsAgent : HttpAgent)({ keepAlive: true });
  }

  /** Asks for a path. @throws the system's error where there is no answer; the signal's reason. */
  async get(path: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const call = this.#open(path, 'GET', {});
    call.on('response', resolve).on('error', reject).end();
    try {
      const message = await promise;
      return { ...headOf(message), body: await buffer(message) };
    } catch (error) {
      this.#options.signal.throwIfAborted();
      throw error;
    }
  }

  /** Sends JSON and keeps what comes; never rejects. */
  post(path: string, body: Buffer): Promise<StreamedAnswer> {
    const { clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<StreamedAnswer>();
    const pieces: StampedBytes[] = [];
    let head = { status: 0, contentType: '' };
    const finish = (fault: string | null) => resolve({ ...head, sent, end: clock.now(), pieces, fault });
    const fail = (error: NodeJS.ErrnoException) => finish(error.code ?? error.message);
    const call = this.#open(path, 'POST', { 'content-type': 'application/json', 'content-length': body.length });
    call.on('error', fail);
    call.on('response', (message) => {
      head = headOf(message);
      message.on('data', (bytes: Buffer) => pieces.push({ time: clock.now(), bytes }));
      message.on('error', fail);
      message.on('end', () => finish(null));
    });
    const sent = clock.now();
    call.end(body);
    return promise;
  }

  /** Closes the connections; idempotent. */
  close(): void {
    this.#agent.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(path: string, method: string, headers: Readonly<Record<string, string | number>>) {
    const { url, key, timeoutSeconds, signal } = this.#options;
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const call = request(new URL(`${url.href.replace(/\/$/, '')}${path}`), {
      agent: this.#agent,
      method,
      headers: { ...headers, ...(key !== undefined && { authorization: `Bearer ${key}` }) },
      signal,
    });
    call.setNoDelay(true);
    call.setTimeout(1000 * timeoutSeconds, () =>
      call.destroy(Object.assign(new Error('nothing came'), { code: 'ETIMEDOUT' })),
    );
    return call;
  }
}

function headOf({ statusCode = 0, headers }: IncomingMessage) {
  return { status: statusCode, contentType: headers['content-type'] ?? '' };
}
