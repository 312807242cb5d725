// An answer that refuses or fails a call, in the shape that OpenAI's clients read: they decide by status and `type` what to do.
import { RoseinferError } from '../util/errors.ts';

/** Fields of an error's answer besides its status and its message. */
export interface ApiErrorFields {
  /** Short name that programs compare. */
  readonly code: string;
  /** Parameter that is at fault; null where none is. */
  readonly param?: string | null | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly cause?: unknown;
}

/** Types of errors by their status, as OpenAI names them; any other of 500 and above is `server_error`. */
const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
  504: 'timeout_error',
};

/** Headers of an error that another attempt would meet again, where OpenAI's clients try again by the status. */
export const NO_RETRY = { 'x-should-retry': 'false' } as const;

/** A call that is refused or that failed, as its caller reads it. */
export class ApiError extends RoseinferError {
  readonly status: number;
  readonly type: string;
  readonly code: string;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, { code, param = null, headers = {}, cause }: ApiErrorFields) {
    super(message, { cause });
    this.status = status;
    this.type = TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error');
    this.code = code;
    this.param = param;
    this.headers = headers;
  }

  /** The body of the answer. */
  get body() {
    const { message, type, param, code } = this;
    return { error: { message, type, param, code } };
  }
}

/** Makes the refusal of a parameter. */
export function invalidParameter(param: string, message: string, code = 'invalid_value'): ApiError {
  return new ApiError(400, message, { code, param });
}
