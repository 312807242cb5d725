// Calls of tools in the messages of a caller: their ids, and arguments that are the text of a JSON object.
import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../util/json.ts';

/** Most calls in a message. */
export const MAX_CALLS = 128;
/** Most characters of an id of a call, and levels of arguments. */
const MAX_ID_LENGTH = 256;
const MAX_LEVELS = 64;

/** Ids of calls, for messages. */
export const callIdExpected = `the id of a call, 1 to ${MAX_ID_LENGTH} characters`;
/** An id of a call. */
export const callIdValue = z
  .string({ error: callIdExpected })
  .min(1, { error: callIdExpected })
  .max(MAX_ID_LENGTH, { error: callIdExpected });

const argumentsExpected = `the text of a JSON object of at most ${MAX_LEVELS} levels`;
/** Arguments of a call, which become the object that they are the text of. */
export const argumentsValue = z.string({ error: argumentsExpected }).transform((text, { addIssue }): JsonObject => {
  const value = parsed(text);
  if (isJsonObject(value) && hasLevels(value, MAX_LEVELS)) return value;
  addIssue({ code: 'custom', message: argumentsExpected });
  return z.NEVER;
});

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Tells whether a value has at most some levels of lists and objects within each other. */
function hasLevels(value: unknown, most: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return most > 0 && Object.values(value).every((each) => hasLevels(each, most - 1));
}
