// How a server listens, whom it lets in and what it bounds: one table of defaults, and the rule that nobody serves strangers by accident.
import { RoseinferError } from '../util/errors.ts';
import { Hosts, isLoopback } from './access/hosts.ts';
import { Keys } from './access/keys.ts';
import { Origins } from './access/origins.ts';

/** Options of a server. */
export interface ServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Keys of callers; none lets everybody in. */
  readonly keys: readonly string[];
  /** Lets strangers in: an address that others reach, without a key. */
  readonly insecure: boolean;
  /** `/metrics` needs no key. */
  readonly metricsOpen: boolean;
  /** Names in a Host header besides loopback's and the address itself. */
  readonly allowedHosts: readonly string[];
  /** Origins of pages that may call. */
  readonly cors: readonly string[];
  /** Bytes of a body. */
  readonly maxBody: number;
  /** Seconds that a call may take; null for any time. */
  readonly requestTimeout: number | null;
  /** Seconds that the form of a structured output may take to compile. */
  readonly compileTimeout: number;
  /** Seconds that calls under way are given when the server ends. */
  readonly drainTimeout: number;
  /** Seconds of silence after which a stream sends a comment. */
  readonly keepAlive: number;
  /** Seconds in which a slow reader has to take something. */
  readonly stallTimeout: number;
  /** Seconds in which the headers of a call have to arrive, and in which all of it. */
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Bytes of stored responses, and seconds that one is kept. */
  readonly maxStoredBytes: number;
  readonly storedSeconds: number;
  /** Logs prompts and outputs. */
  readonly logTexts: boolean;
}

/** Options that a caller leaves out. */
export const SERVER_DEFAULTS: ServerOptions = {
  host: '127.0.0.1',
  port: 8000,
  keys: [],
  insecure: false,
  metricsOpen: false,
  allowedHosts: [],
  cors: [],
  maxBody: 1 << 20,
  requestTimeout: null,
  compileTimeout: 1,
  drainTimeout: 30,
  keepAlive: 15,
  stallTimeout: 60,
  headersTimeout: 10,
  bodyTimeout: 30,
  maxConnections: 1024,
  maxConnectionsPerAddress: 512,
  maxStoredBytes: 64 << 20,
  storedSeconds: 24 * 3600,
  logTexts: false,
};

/** Most bytes of the headers of a call. */
export const MAX_HEADER_BYTES = 8192;

/** A server that others would reach without a key. */
export class OpenServerError extends RoseinferError {
  readonly host: string;

  constructor(host: string) {
    const expected = 'a key by ROSEINFER_API_KEY or --api-key-file, or --insecure';
    super(`--host is ${JSON.stringify(host)}, which others reach, without a key, expected ${expected}`);
    this.host = host;
  }
}

/** Options that say who may call. */
type AccessOptions = Pick<ServerOptions, 'host' | 'keys' | 'insecure' | 'allowedHosts' | 'cors'>;

/**
 * Checks who may call.
 *
 * @throws OpenServerError for an address that others reach, without a key, unless it is wanted; RangeValueError for a key, a host or an
 * origin that no call can have.
 */
export function checkAccess({ host, keys, insecure, allowedHosts, cors }: AccessOptions): void {
  new Keys(keys);
  new Hosts(allowedHosts);
  new Origins(cors);
  if (!isLoopback(host) && keys.length === 0 && !insecure) throw new OpenServerError(host);
}
