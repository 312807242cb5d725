// Names under which a server may be called. A page in a browser can make a name of its own point at this machine; the Host header
// then still has that name, so others than the known ones are refused.
import { isIP } from 'node:net';
import { RangeValueError } from '../../util/errors.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\]|::1)$/i;

/** Letters and digits, as a Host header has them: other alphabets in their ASCII form. */
const NAME = /^(?!-)[a-z\d-]+(\.[a-z\d-]+)*$/i;

/** Tells whether a host's name or address is this machine's own. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

/** Takes the port off a Host header; lower case. Null for one that is none. */
export function hostName(header: string): string | null {
  const [, name] = /^(\[[\da-f:.]+\]|[^\s:/@?#[\]\\]+)(?::\d{1,5})?$/i.exec(header) ?? [];
  return name?.toLowerCase() ?? null;
}

/** The names that a Host header may have besides loopback's. */
export class Hosts {
  readonly #allowed: ReadonlySet<string>;

  /**
   * @param names that the server is called by, without ports.
   * @throws RangeValueError for what is no name or address.
   */
  constructor(names: readonly string[]) {
    for (const [index, name] of names.entries()) {
      if (NAME.test(name) || isIP(name) !== 0) continue;
      throw new RangeValueError(
        `allowed host ${index + 1}`,
        name,
        'a name or an address without port, such as llm.example',
      );
    }
    this.#allowed = new Set(names.map((name) => bracketed(name.toLowerCase())));
  }

  /** @param address of this machine at which the connection came in, as no page can choose it. */
  accepts(header: string | undefined, address: string | undefined): boolean {
    const name = hostName(header ?? '');
    if (name === null) return false;
    const own = bracketed((address ?? '').replace(/^::ffff:(?=[\d.]+$)/, ''));
    return isLoopback(name) || this.#allowed.has(name) || name === own;
  }
}

function bracketed(name: string): string {
  return isIP(name) === 6 ? `[${name}]` : name;
}
