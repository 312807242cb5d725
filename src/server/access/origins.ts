// Pages of other sites: a browser says whose page a call is from, and only pages that the server was told of are served.
import { RangeValueError } from '../../util/errors.ts';

const MAX_AGE_SECONDS = '600';
const METHODS = 'GET, POST, DELETE, OPTIONS';
const HEADERS = 'authorization, content-type, x-request-id, x-roseinfer-timeline';
const HEADER_NAMES = /^[a-z\d-]{1,64}(, ?[a-z\d-]{1,64}){0,63}$/i;
const EXPOSED = 'x-request-id, x-generation-id, retry-after, x-should-retry';

/** Headers of a call that a browser sets and a page can't. */
export interface PageHeaders {
  readonly origin?: string | undefined;
  readonly host?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
}

/** Headers of a browser that asks before it calls. */
interface PreflightHeaders {
  readonly 'access-control-request-headers'?: string | string[] | undefined;
  readonly 'access-control-request-private-network'?: string | string[] | undefined;
}

/** Sites whose pages may call. */
export class Origins {
  readonly #allowed: ReadonlySet<string>;

  /**
   * @param origins such as `https://chat.example`.
   * @throws RangeValueError for what no browser sends as an origin.
   */
  constructor(origins: readonly string[]) {
    for (const [index, origin] of origins.entries()) {
      if (isOrigin(origin.toLowerCase())) continue;
      const expected = 'scheme and host, with a port that is not the default, such as https://chat.example';
      throw new RangeValueError(`origin ${index + 1} of cors`, origin, expected);
    }
    this.#allowed = new Set(origins.map((origin) => origin.toLowerCase()));
  }

  /** Tells whether a call is of no page, of a page of this server, or of one that it was told of. */
  accepts(headers: PageHeaders): boolean {
    const { origin, host, 'sec-fetch-site': site } = headers;
    if (origin !== undefined) return this.#allowed.has(origin) || isOwn(origin, host);
    return site !== 'cross-site' && site !== 'same-site';
  }

  /** Headers that let a page of an allowed origin read the answer. */
  headersFor({ origin }: PageHeaders): Readonly<Record<string, string>> {
    if (origin === undefined || !this.#allowed.has(origin)) return {};
    return { 'access-control-allow-origin': origin, vary: 'Origin', 'access-control-expose-headers': EXPOSED };
  }

  /** Headers of the answer to a browser that asks before it calls: clients send headers of their own, such as their version. */
  preflightHeaders(headers: PreflightHeaders): Readonly<Record<string, string>> {
    const { 'access-control-request-headers': asked = HEADERS, 'access-control-request-private-network': isPrivate } =
      headers;
    return {
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': HEADER_NAMES.test(String(asked)) ? String(asked) : HEADERS,
      'access-control-max-age': MAX_AGE_SECONDS,
      // A page of the internet that calls this machine.
      ...(isPrivate === 'true' && { 'access-control-allow-private-network': 'true' }),
    };
  }
}

/** Tells whether a browser writes an origin like this; those of apps have schemes of their own. */
function isOrigin(text: string): boolean {
  if (!/^[a-z][a-z\d+.-]*:\/\/[^\s/?#@]+$/.test(text)) return false;
  return !/^https?:/.test(text) || (URL.canParse(text) && new URL(text).origin === text);
}

function isOwn(origin: string, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`);
}
