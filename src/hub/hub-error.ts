// Errors of the hub, of a transfer and of the cache. An error keeps apart what a caller decides by: status, code, file, path.
import { RoseinferError } from '../util/errors.ts';

/** Error of the hub or its cache: one class catches them all. */
export class HubError extends RoseinferError {}

/** Answer of the hub, or of a host that it redirects to, that is no success. */
export class HubResponseError extends HubError {
  readonly status: number;
  /** Header X-Error-Code of the hub, such as `GatedRepo`; null where there is none. */
  readonly code: string | null;
  /** Milliseconds that the host asks to wait; null where it asks for none. */
  readonly retryAfter: number | null;

  constructor(message: string, { status, code, retryAfter }: Pick<HubResponseError, 'status' | 'code' | 'retryAfter'>) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Connection that failed, was cut or stood still. */
export class HubConnectionError extends HubError {
  /** Host and port. */
  readonly host: string;

  constructor(host: string, found: string, options?: ErrorOptions) {
    super(`connection to ${host} ${found}`, options);
    this.host = host;
  }
}

/** Bytes of a file that are not those of the repository. */
export class TransferError extends HubError {
  readonly file: string;
  readonly found: string | number;
  readonly expected: string | number;

  constructor(file: string, subject: string, found: string | number, expected: string | number) {
    super(`${file}: ${subject} is ${found}, expected ${expected}`);
    this.file = file;
    this.found = found;
    this.expected = expected;
  }
}

/** Cache that can't be read or written, or has no room. */
export class HubCacheError extends HubError {
  readonly path: string;

  constructor(path: string, found: string, expected: string, options?: ErrorOptions) {
    super(`${path}: cache is ${found}, expected ${expected}`, options);
    this.path = path;
  }
}
