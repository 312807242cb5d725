// The body of a call: bounded while it arrives, JSON by its type and its content, and without nulls, which mean absent outside JSON Schemas.
import type { IncomingMessage } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { count } from '../util/count.ts';
import { ApiError } from './api-error.ts';

/** Far above the depth of any call. */
const MAX_DEPTH = 64;
/** Keys of JSON Schemas: null is a value like any other in them, and 64 schemas within each other take about twice the levels. */
const SCHEMA_KEYS = new Set(['schema', 'json', 'guided_json', 'parameters']);
const MAX_SCHEMA_LEVELS = 256;
/** Texts, keys among them, lists and objects of a body, at most: reading a million of them would hold up all other calls. */
const MAX_PARTS = 25_000;
const [QUOTE, BACKSLASH, OPEN_LIST, OPEN_OBJECT] = [0x22, 0x5c, 0x5b, 0x7b];
/** Bytes of a body that is read in several turns of the event loop. */
const LONG_BODY = 2 ** 16;
const JSON_TYPE = /^application\/json *(?:; *charset="?utf-?8"? *)?$/i;

/**
 * Reads the JSON object of a call.
 *
 * @throws ApiError for another content type or encoding, a body that is too long or has too many parts, no JSON, or no object.
 */
export async function readJson(
  incoming: IncomingMessage,
  maxBytes: number,
): Promise<Readonly<Record<string, unknown>>> {
  const { 'content-type': type, 'content-encoding': encoding = 'identity' } = incoming.headers;
  // A page of any site may send other types without asking.
  if (!JSON_TYPE.test(type ?? '')) throw wrongType('content-type', type ?? 'missing', 'application/json in UTF-8');
  if (encoding.toLowerCase() !== 'identity') throw wrongType('content-encoding', encoding, 'none');
  const bytes = await readBytes(incoming, maxBytes);
  checkParts(bytes, 'body');
  const json = parse(bytes);
  if (bytes.length > LONG_BODY) await setImmediate();
  return bodyOf(json);
}

/**
 * Takes parsed JSON for the body of a call: an object, without nulls.
 *
 * @throws ApiError
 */
export function bodyOf(json: unknown): Readonly<Record<string, unknown>> {
  const value = withoutNulls(json, 0);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ApiError(400, 'body is no object, expected a JSON object', { code: 'invalid_json' });
  }
  return { ...value };
}

/**
 * Parses a JSON Schema that came as a text, within the bounds of one that is part of a body.
 *
 * @param name names the text in errors.
 * @throws ApiError for a text that is nested too deep, or has too many parts; SyntaxError for no JSON.
 */
export function parseSchema(text: string, name: string): unknown {
  checkParts(Buffer.from(text), name);
  const schema: unknown = JSON.parse(text);
  checkLevels(schema, name);
  return schema;
}

async function readBytes(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = Number(incoming.headers['content-length'] ?? 0);
  if (length > maxBytes) throw tooLong(maxBytes);
  length = 0;
  try {
    for await (const chunk of incoming) {
      length += chunk.length;
      if (length > maxBytes) throw tooLong(maxBytes);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    throw new ApiError(400, 'body ended early', { code: 'incomplete_body', cause });
  }
  return Buffer.concat(chunks);
}

/** Counts what takes long to read, before it is read. */
function checkParts(bytes: Buffer, name: string): void {
  let numParts = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte !== QUOTE && byte !== OPEN_LIST && byte !== OPEN_OBJECT) continue;
    if (byte === QUOTE) at = endOfText(bytes, at);
    if (++numParts <= MAX_PARTS) continue;
    const message = `${name} has more than ${MAX_PARTS} texts, lists and objects, keys included`;
    throw new ApiError(400, message, { code: 'invalid_json' });
  }
}

/** Finds the quotation mark at the end of a text. */
function endOfText(bytes: Buffer, start: number): number {
  for (let end = bytes.indexOf(QUOTE, start + 1); end !== -1; end = bytes.indexOf(QUOTE, end + 1)) {
    let before = end - 1;
    while (bytes[before] === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
  }
  return bytes.length;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // V8's message quotes the text, which may be a prompt.
    throw new ApiError(400, 'body is no JSON in UTF-8, expected a JSON object', { code: 'invalid_json' });
  }
}

/** Drops null values of objects at any depth, but not within JSON Schemas. */
function withoutNulls(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) throw tooDeep('body', MAX_DEPTH);
  if (Array.isArray(value)) {
    return value.some((each) => typeof each === 'object') ? value.map((each) => withoutNulls(each, depth + 1)) : value;
  }
  const entries = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(
    entries.map(([key, each]) => {
      if (!SCHEMA_KEYS.has(key)) return [key, withoutNulls(each, depth + 1)];
      checkLevels(each, 'body');
      return [key, each];
    }),
  );
}

function checkLevels(value: unknown, name: string, level = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (level === MAX_SCHEMA_LEVELS) throw tooDeep(name, MAX_SCHEMA_LEVELS);
  for (const each of Object.values(value)) checkLevels(each, name, level + 1);
}

function tooDeep(name: string, most: number): ApiError {
  return new ApiError(400, `${name} is nested deeper than ${most} levels`, { code: 'invalid_json' });
}

function wrongType(header: string, found: string, expected: string): ApiError {
  return new ApiError(415, `${header} is ${JSON.stringify(found.slice(0, 100))}, expected ${expected}`, {
    code: 'unsupported_media_type',
  });
}

function tooLong(maxBytes: number): ApiError {
  const message = `body is longer than ${count(maxBytes, 'byte')}, the limit of this server`;
  return new ApiError(413, message, { code: 'body_too_large', headers: { connection: 'close' } });
}
