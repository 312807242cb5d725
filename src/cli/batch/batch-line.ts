// A line of a batch as the call that it asks for: in OpenAI's form, which names a path and has the body in it, or the body itself.
import { BODY_PATHS, type BodyPath } from '../../server/answer-body.ts';
import { isJsonObject, type JsonObject } from '../../util/json.ts';
import { nearestName } from '../../util/keys.ts';
import { quote } from '../../util/quote.ts';

/** The call of a line. */
export interface BatchCall {
  /** The caller's own name of the line; null where it has none. */
  readonly customId: string | null;
  readonly path: BodyPath;
  readonly body: unknown;
}

/** Fault of a line that is no call. */
export interface LineFault {
  readonly code: string;
  readonly message: string;
}

/** A line that was read: its call, or its fault. */
export interface ReadLine {
  readonly customId: string | null;
  readonly call: BatchCall | null;
  /** Null for a call. */
  readonly fault: LineFault | null;
}

/** Most characters of a `custom_id`. */
const MAX_ID = 512;
const KEYS = ['custom_id', 'method', 'url', 'body'] as const;
const PATHS = BODY_PATHS.join(' or ');

/** Reads a line; whatever is wrong with it, but for the body, is its fault. */
export function readBatchLine(bytes: Uint8Array): ReadLine {
  let line: unknown;
  try {
    line = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return faulty(null, 'invalid_json', 'line is no JSON in UTF-8, expected a JSON object');
  }
  if (!isJsonObject(line)) return faulty(null, 'invalid_json', 'line is no object, expected a JSON object');
  const { custom_id: given = null, ...rest } = line;
  if (given !== null && (typeof given !== 'string' || given === '' || given.length > MAX_ID)) {
    return faulty(null, 'invalid_value', `custom_id is ${quote(given)}, expected a text of 1 to ${MAX_ID} characters`);
  }
  const isWrapped = ['url', 'body', 'method'].some((key) => Object.hasOwn(rest, key));
  return isWrapped ? readWrapped(given, rest) : readBare(given, rest);
}

function readWrapped(customId: string | null, line: JsonObject): ReadLine {
  const wrong = Object.keys(line).find((key) => !KEYS.some((known) => known === key));
  if (wrong !== undefined) {
    const nearest = nearestName(wrong, KEYS);
    const hint = nearest === undefined ? '' : ` (did you mean ${quote(nearest)}?)`;
    return faulty(customId, 'unknown_parameter', `${quote(wrong)} is unknown, expected ${KEYS.join(', ')}${hint}`);
  }
  const { method = 'POST', url, body } = line;
  if (method !== 'POST') return faulty(customId, 'invalid_value', `method is ${quote(method)}, expected "POST"`);
  const path = BODY_PATHS.find((each) => each === url);
  if (path === undefined) {
    return faulty(customId, 'invalid_url', `url is ${url === undefined ? 'missing' : quote(url)}, expected ${PATHS}`);
  }
  if (body === undefined) return faulty(customId, 'missing_parameter', 'body is missing, expected a JSON object');
  return { customId, call: { customId, path, body }, fault: null };
}

function readBare(customId: string | null, body: JsonObject): ReadLine {
  const path = Object.hasOwn(body, 'messages') ? '/v1/chat/completions' : '/v1/completions';
  if (path === '/v1/completions' && !Object.hasOwn(body, 'prompt')) {
    return faulty(customId, 'missing_parameter', 'line has neither prompt, messages nor url, expected one of them');
  }
  return { customId, call: { customId, path, body }, fault: null };
}

function faulty(customId: string | null, code: string, message: string): ReadLine {
  return { customId, call: null, fault: { code, message } };
}
