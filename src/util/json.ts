// JSON of model files, read with distrust: JSON.parse keeps the last of two equal keys and says nothing.
import { type Problem, quoteJson } from './model-file-error.ts';
import { clip, quote } from './quote.ts';

/** An object as JSON.parse makes it: `__proto__` is an own key like any other. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Far above the depth of any model file. */
const MAX_DEPTH = 64;

/** Tells whether a JSON value is an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Parses `text`, whose name in messages is `subject`, as one JSON object without duplicate keys at any depth.
 *
 * @throws what `toError` makes of the problem.
 */
export function parseJsonObject(text: string, subject: string, toError: (problem: Problem) => Error): JsonObject {
  let value: unknown;
  let problem: Problem | undefined;
  try {
    problem = checkStructure(text, subject);
    if (problem === undefined) value = JSON.parse(text);
  } catch (cause) {
    problem = { subject, found: 'not JSON', expected: 'a JSON object', cause };
  }
  if (problem !== undefined) throw toError(problem);
  if (!isJsonObject(value)) throw toError({ subject, found: quoteJson(value), expected: 'a JSON object' });
  return value;
}

/** Decodes UTF-8 without the usual U+FFFD in place of what is none. */
export function decodeJson(bytes: Uint8Array, subject: string, toError: (problem: Problem) => Error): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw toError({ subject, found: 'not UTF-8', expected: 'a JSON object', cause });
  }
}

/** Finds a duplicate key or too deep nesting; whatever else is wrong is left to JSON.parse. */
function checkStructure(text: string, subject: string): Problem | undefined {
  const scopes: Set<string>[] = []; // the keys seen in each open object (an open array has none)
  const path: string[] = []; // the key last seen in each open object
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '{' || char === '[') {
      if (scopes.length === MAX_DEPTH) {
        return { subject, found: 'nested deeper', expected: `at most ${MAX_DEPTH} levels` };
      }
      scopes.push(new Set());
      path.push('');
    } else if (char === '}' || char === ']') {
      scopes.pop();
      path.pop();
    } else if (char === '"') {
      const start = i;
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++;
      const keys = scopes.at(-1);
      if (keys === undefined || !isFollowedByColon(text, i + 1)) continue;
      const key: string = JSON.parse(text.slice(start, i + 1)); // "\u0061" and "a" are one key
      path[path.length - 1] = key;
      if (keys.has(key)) {
        return { subject: `key ${clip(path.map(quote).join('.'))}`, found: 'given twice', expected: 'once' };
      }
      keys.add(key);
    }
  }
  return undefined;
}

const COLON = /\s*:/y;

function isFollowedByColon(text: string, index: number): boolean {
  COLON.lastIndex = index;
  return COLON.test(text);
}

/** Parses a text that may be a JSON object; null where it is none. */
export function tryJsonObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
