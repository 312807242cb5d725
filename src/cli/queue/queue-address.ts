// The address of a queue: servers of NATS, and the name under which jobs and results are kept there.
import { RangeValueError } from '../../util/errors.ts';

/** Address of a queue. */
export interface QueueAddress {
  /** HOST:PORT of each server, any of which will do. */
  readonly servers: readonly string[];
  /** True where the connection must be by TLS. */
  readonly isSecure: boolean;
  /** User and password; null without. */
  readonly user: { readonly name: string; readonly password: string } | null;
  /** Prefix of streams and subjects. */
  readonly name: string;
  /** The address without a password, for messages. */
  readonly label: string;
}

const DEFAULT_NAME = 'roseinfer';
const DEFAULT_PORT = 4222;
const EXPECTED = 'nats://HOST[:PORT][,HOST…][/NAME] or tls://…, with a NAME of 1 to 32 letters, digits, - and _';
const SHAPE = /^(nats|tls):\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([\w-]{0,32}))?$/;
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i;
const MAX_PORT = 65535;

/**
 * Reads an address.
 *
 * @param flag that has it.
 * @throws RangeValueError
 */
export function readQueueAddress(flag: string, text: unknown): QueueAddress {
  const [, scheme, secret, hosts = '', name = ''] = (typeof text === 'string' && SHAPE.exec(text)) || [];
  const servers = hosts.split(',').map((host) => withPort(host));
  const user = secret === undefined ? null : readUser(secret);
  if (scheme === undefined || servers.includes(null) || user === undefined) {
    throw new RangeValueError(`--${flag}`, typeof text === 'string' ? text.replace(/\/\/.*@/, '//…@') : text, EXPECTED);
  }
  return {
    servers: servers.filter((server) => server !== null),
    isSecure: scheme === 'tls',
    user,
    name: name === '' ? DEFAULT_NAME : name,
    label: `${scheme}://${hosts}${name === '' ? '' : `/${name}`}`,
  };
}

function withPort(host: string): string | null {
  const found = HOST.exec(host);
  if (found === null) return null;
  const [, port] = found;
  if (port === undefined) return `${host}:${DEFAULT_PORT}`;
  return Number(port) >= 1 && Number(port) <= MAX_PORT ? host : null;
}

function readUser(secret: string): QueueAddress['user'] | undefined {
  const [name = '', password = '', ...rest] = secret.split(':');
  if (name === '' || rest.length > 0) return undefined;
  try {
    return { name: decodeURIComponent(name), password: decodeURIComponent(password) };
  } catch {
    return undefined;
  }
}
