// Calls as the client takes them. What a stream could not go on with elsewhere is refused before anything is sent.
import { RangeValueError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';
import { type Checks, checkOptions, count, oneOf, positive, text } from '../util/option-checks.ts';

/** Endpoint whose streams go on elsewhere. */
export type ServedPath = '/v1/completions' | '/v1/chat/completions';

const PATHS: Readonly<Record<ServedPath, true>> = { '/v1/completions': true, '/v1/chat/completions': true };

/** Call that streams, and the replicas that may answer it. */
export interface ResumableCall {
  /**
   * Addresses without `/v1`, such as `http://10.0.0.1:8000`. The first is called first, and then one after another from the start again. The
   * first may be a router that passes `return_token_ids` on; the others have to be replicas themselves.
   */
  readonly replicas: readonly string[];
  readonly path: ServedPath;
  /** Parameters of the endpoint, for one prompt and one choice. A seed is drawn where there is none. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Shown to all replicas. */
  readonly apiKey?: string | undefined;
  /** Ends the stream, which rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Calls in a row that may give no new id; after them the stream fails. As many as replicas by default. */
  readonly attempts?: number | undefined;
  /**
   * Milliseconds without a byte after which a replica counts as gone; 60,000 by default. A server breaks its silence every 15 s by a comment.
   */
  readonly silenceMs?: number | undefined;
}

/** Parameters that the client sets itself. */
const OWN = ['stream', 'return_token_ids', 'resume'];

const CHECKS: Checks<ResumableCall> = {
  replicas: {
    expected: 'a list of addresses by http or https, without /v1',
    accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(isAddress),
  },
  path: oneOf(Object.keys(PATHS)),
  body: { expected: 'an object with the parameters of the endpoint', accepts: isRecord },
  apiKey: text,
  signal: { expected: 'an AbortSignal', accepts: (value) => value instanceof AbortSignal },
  attempts: count,
  silenceMs: positive,
};

/** @throws RangeValueError for a call that is none, or whose stream could not go on elsewhere. */
export function checkCall(call: ResumableCall): void {
  checkOptions('call of streamWithResume', call, CHECKS);
  for (const name of ['replicas', 'path', 'body'] as const) {
    if (call[name] === undefined) throw new RangeValueError(name, undefined, CHECKS[name].expected);
  }
  const { body } = call;
  for (const name of OWN) {
    if (Object.hasOwn(body, name)) throw new RangeValueError(`${name} of body`, body[name], 'none: the client sets it');
  }
  const { n = null, prompt, tools = null } = body;
  if (n !== null && n !== 1) throw new RangeValueError('n of body', n, '1: several choices do not go on elsewhere');
  if (tools !== null) throw new RangeValueError('tools of body', tools, 'none: calls of tools do not go on elsewhere');
  if (Array.isArray(prompt) && !prompt.every((id) => typeof id === 'number')) {
    throw new RangeValueError('prompt of body', prompt, 'one text, or one list of ids');
  }
}

function isAddress(value: unknown): boolean {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    `${url.search}${url.hash}` === '' &&
    !/\/v1\/?$/.test(url.pathname)
  );
}
