// A job as a message: the call of one line, with the seed that it was given when it was published.
import { BODY_PATHS } from '../../server/answer-body.ts';
import { isJsonObject } from '../../util/json.ts';
import { quote } from '../../util/quote.ts';
import type { BatchCall, LineFault } from '../batch/batch-line.ts';

/** The call of a job. */
export interface Job extends BatchCall {
  readonly seed: number;
}

/** Time that a worker has for a sign of life before its job goes to another, in milliseconds. */
export const ACK_WAIT_MS = 10_000;
const KEYS = ['custom_id', 'path', 'body', 'seed'];

/** Writes a job. */
export function writeJob({ customId, path, body, seed }: Job): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ custom_id: customId, path, body, seed }));
}

/** Reads a job; whatever is wrong with it, but for the body, is its fault. */
export function readJob(bytes: Uint8Array): { readonly job: Job } | { readonly fault: LineFault } {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return faulty('message is no JSON in UTF-8, expected a job');
  }
  if (!isJsonObject(value)) return faulty('message is no object, expected a job');
  const wrong = Object.keys(value).find((key) => !KEYS.includes(key));
  if (wrong !== undefined) return faulty(`${quote(wrong)} is unknown, expected ${KEYS.join(', ')}`);
  const { custom_id: customId, body, seed } = value;
  const path = BODY_PATHS.find((each) => each === value.path);
  if (path === undefined) return faulty(`path is ${shown(value.path)}, expected ${BODY_PATHS.join(' or ')}`);
  if (customId !== null && typeof customId !== 'string') {
    return faulty(`custom_id is ${shown(customId)}, expected a text or null`);
  }
  if (typeof seed !== 'number' || !Number.isSafeInteger(seed) || seed < 0) {
    return faulty(`seed is ${shown(seed)}, expected an integer in [0, 2^53)`);
  }
  return { job: { customId, path, body, seed } };
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : quote(value);
}

function faulty(message: string): { readonly fault: LineFault } {
  return { fault: { code: 'invalid_job', message } };
}
