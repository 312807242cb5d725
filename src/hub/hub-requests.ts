// Requests to the hub. Redirects are followed here and not by fetch, since the token goes to the hub's own origin and to no
// other, and a transfer that is encrypted never goes on in the clear.
import { variable } from '../util/environment.ts';
import { clip, quote } from '../util/quote.ts';
import { HubConnectionError, HubError, HubResponseError } from './hub-error.ts';
import type { HubSettings } from './hub-settings.ts';
import { withRetries } from './retry.ts';

const MAX_REDIRECTS = 10;
/** Milliseconds for an answer of the API, its body included. */
const API_TIMEOUT_MS = 60_000;
/** Most requests to the API of one pull: a listing whose pages never end is refused. */
const MAX_API_REQUESTS = 200;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Settings of requests. */
export interface HubRequestOptions extends Pick<HubSettings, 'endpoint' | 'token'> {
  /** Model that they are about, for errors. */
  readonly repo: string;
  readonly signal: AbortSignal;
  /** As of `withRetries`. */
  readonly backoff: number;
  readonly onWait?: ((error: Error, milliseconds: number) => void) | undefined;
}

/** Client of the hub for one model. */
export class HubRequests {
  readonly options: HubRequestOptions;
  readonly #origin: string;
  #numApiRequests = 0;

  constructor(options: HubRequestOptions) {
    this.options = options;
    this.#origin = new URL(options.endpoint).origin;
  }

  /** Fetches an answer of the API whole, in as many attempts as it takes: a `fetch` for those who call the API. */
  readonly fetchApi = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    if (++this.#numApiRequests > MAX_API_REQUESTS) {
      throw new HubError(`${this.options.repo}: listing has more than ${MAX_API_REQUESTS} pages, expected fewer`);
    }
    const url = input instanceof Request ? input.url : String(input);
    return await withRetries(async () => {
      const signal = AbortSignal.any([this.options.signal, AbortSignal.timeout(API_TIMEOUT_MS)]);
      const response = await this.send(url, Object.fromEntries(new Headers(init?.headers)), signal);
      const body = await response.arrayBuffer().catch((cause: unknown) => {
        throw this.cut(response.url || url, 'was cut', cause);
      });
      return new Response(body, { status: response.status, headers: response.headers });
    }, this.options);
  };

  /**
   * Sends a GET and follows redirects; the caller reads the body.
   *
   * @throws HubResponseError unless the answer is a success; HubConnectionError without one; the signal's reason.
   */
  async send(address: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    let url = new URL(address);
    for (let numRedirects = 0; numRedirects <= MAX_REDIRECTS; numRedirects++) {
      const response = await this.#get(url, headers, signal);
      if (response.ok) return response;
      await response.body?.cancel();
      if (!REDIRECTS.has(response.status)) throw this.#failure(response, url);
      url = this.#target(response, url);
    }
    throw new HubError(
      `${this.options.repo}: ${url.host} redirects more than ${MAX_REDIRECTS} times, expected an answer`,
    );
  }

  async #get(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    const { token } = this.options;
    const own = token !== null && url.origin === this.#origin ? { authorization: `Bearer ${token}` } : {};
    try {
      return await fetch(url, { headers: { ...headers, ...own }, redirect: 'manual', signal });
    } catch (cause) {
      throw this.cut(url, 'failed', cause, unusedProxy(url));
    }
  }

  /** Makes the error of a connection, with `advice` at its end, unless the caller's own signal ended it: then its reason is thrown. */
  cut(address: string | URL, found: string, cause: unknown, advice = ''): HubConnectionError {
    this.options.signal.throwIfAborted();
    const reason = reasonOf(cause);
    return new HubConnectionError(new URL(address).host, `${found} (${reason}), expected an answer${advice}`, {
      cause,
    });
  }

  #target({ status, headers }: Response, from: URL): URL {
    const location = headers.get('location');
    const to = location === null ? null : URL.parse(location, from.href);
    const isSafe = to !== null && (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:'));
    if (isSafe && to.username === '' && to.password === '') return to;
    const found = to === null ? quote(location) : quote(`${to.protocol}//${to.host}`);
    const expected = from.protocol === 'https:' ? 'an https address' : 'an http address';
    throw new HubError(
      `${this.options.repo}: redirect (${status}) of ${from.host} is to ${found}, expected ${expected}`,
    );
  }

  #failure({ status, headers }: Response, url: URL): HubResponseError {
    const code = headers.get('x-error-code');
    const message = this.#describe(status, code, headers.get('x-error-message'), url);
    return new HubResponseError(message, { status, code, retryAfter: readRetryAfter(headers.get('retry-after')) });
  }

  #describe(status: number, code: string | null, detail: string | null, url: URL): string {
    const { repo, endpoint, token } = this.options;
    const answer = [status, code].filter((part) => part !== null).join(', ');
    if (url.origin === this.#origin) {
      if (code === 'GatedRepo' || (status === 403 && code === null)) {
        const remedy = `ask for it at ${endpoint}/${repo}${token === null ? ', then set HF_TOKEN' : ''}`;
        return `${repo}: access is restricted (${answer}), expected a token of an account that was given it: ${remedy}`;
      }
      if (code === 'RevisionNotFound')
        return `${repo}: revision is not found (${answer}), expected a branch, tag or commit`;
      if (code === 'EntryNotFound') return `${repo}: ${url.pathname} is not found (${answer}), expected a file`;
      if (status === 401 || status === 404) {
        const isPublic = token === null ? ', or a token in HF_TOKEN for a private one' : ' that HF_TOKEN has access to';
        return `${repo}: model is not found (${answer}) at ${endpoint}, expected one${isPublic}`;
      }
    }
    const reason = detail === null ? '' : `: ${clip(detail)}`;
    return `${repo}: ${url.host} answers ${answer}${reason}, expected success`;
  }
}

/** Reads a wait in seconds, or until a date. */
function readRetryAfter(value: string | null): number | null {
  if (value === null) return null;
  const milliseconds = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : null;
}

/** Says that Node ignores the proxy of the environment, for the end of an error; empty where it does not, or there is none. */
function unusedProxy({ protocol }: URL): string {
  const name = ['HTTPS_PROXY', 'https_proxy'].find((each) => variable(each) !== undefined);
  if (protocol !== 'https:' || name === undefined || variable('NODE_USE_ENV_PROXY') !== undefined) return '';
  return `: set NODE_USE_ENV_PROXY=1 for Node to use the proxy of ${name}`;
}

/** Names what cut a connection in a word, by the innermost cause: fetch itself says no more than that it failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return quote(error);
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error.name === 'TimeoutError') return 'no answer in time';
  return error.cause instanceof Error ? reasonOf(error.cause) : clip(error.message);
}
