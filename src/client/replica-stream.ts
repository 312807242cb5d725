// One call of one replica. A failure that another replica may not have is a ReplicaError; any other is a refusal.
import { isJsonObject, type JsonObject, tryJsonObject } from '../util/json.ts';
import { isChunk, type StreamChunk } from './chunk.ts';
import { CallRefusedError, ReplicaError } from './errors.ts';
import { readEvents } from './read-events.ts';

/** Call as it is sent to a replica. */
export interface ReplicaCall {
  readonly replica: string;
  readonly path: string;
  readonly body: object;
  readonly apiKey: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly silenceMs: number;
}

const DONE = '[DONE]';
const TOO_MANY_REQUESTS = 429;
const SERVER_ERRORS = 500;
/** Types of errors that another replica may not have. */
const PASSING_TYPES = ['server_error', 'rate_limit_error'];

/** Time that begins again with each byte, and the fetch that it ends. */
class Silence implements Disposable {
  readonly #controller = new AbortController();
  readonly #milliseconds: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
    this.wake();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Begins the time again. */
  readonly wake = (): void => {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#controller.abort(), this.#milliseconds);
  };

  /** Ends the fetch, if it has not ended. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }
}

/**
 * Calls a replica and yields the chunks of its stream up to the end that it marks.
 *
 * @throws ReplicaError for a failure that another replica may not have; CallRefusedError for any other; the reason of the signal.
 */
export async function* streamReplica(call: ReplicaCall): AsyncGenerator<StreamChunk, void, undefined> {
  const { replica, signal, silenceMs } = call;
  using silence = new Silence(silenceMs);
  const failed = (cause: unknown, fault: 'unreachable' | 'cut') => {
    signal?.throwIfAborted();
    return new ReplicaError(replica, silence.signal.aborted ? 'silent' : fault, { cause });
  };
  const response = await send(call, silence).catch((cause: unknown) => {
    throw failed(cause, 'unreachable');
  });
  const { body, headers, status } = response;
  if (!response.ok) throw errorOf(call, response, tryJsonObject(await response.text().catch(() => '')));
  if (body === null || !headers.get('content-type')?.startsWith('text/event-stream')) {
    throw new ReplicaError(replica, 'failed', { detail: `it answers ${status} without a stream` });
  }
  const events = readEvents(body, silence.wake);
  for (;;) {
    const { done, value: data } = await events.next().catch((cause: unknown) => {
      throw failed(cause, 'cut');
    });
    if (done) throw failed(undefined, 'cut');
    if (data === DONE) return;
    const value = tryJsonObject(data);
    if (isJsonObject(value?.error)) throw errorOfStream(replica, value.error);
    if (value === null || !isChunk(value)) throw new ReplicaError(replica, 'failed', { detail: `it sent ${data}` });
    yield value;
  }
}

async function send({ replica, path, body, apiKey, signal }: ReplicaCall, silence: Silence): Promise<Response> {
  return await fetch(`${replica.replace(/\/$/, '')}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }) },
    body: JSON.stringify(body),
    signal: signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]),
  });
}

function errorOf({ replica }: ReplicaCall, { status, headers }: Response, body: JsonObject | null): Error {
  const error = describe(isJsonObject(body?.error) ? body.error : {});
  if (error.code === 'other_fingerprint') return new ReplicaError(replica, 'other-fingerprint');
  const mayPass = status === TOO_MANY_REQUESTS || status >= SERVER_ERRORS;
  if (!mayPass || headers.get('x-should-retry') === 'false') return new CallRefusedError(replica, status, error);
  return new ReplicaError(replica, 'failed', { detail: `it answers ${status}: ${error.message}` });
}

function errorOfStream(replica: string, value: JsonObject): Error {
  const error = describe(value);
  const mayPass = PASSING_TYPES.some((type) => type === value.type);
  return mayPass
    ? new ReplicaError(replica, 'failed', { detail: error.message })
    : new CallRefusedError(replica, null, error);
}

function describe({ code, message }: JsonObject): { code: string | null; message: string } {
  return {
    code: typeof code === 'string' ? code : null,
    message: typeof message === 'string' ? message : 'it gives no reason',
  };
}
