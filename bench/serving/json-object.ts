// JSON of servers, which may send anything: an object, or nothing.
import { isJsonObject, type JsonObject } from '../../src/util/json.ts';

/** Parses a text that may be a JSON object; null where it is none. */
export function tryJsonObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
