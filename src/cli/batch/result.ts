// The result of a line, in the shape of OpenAI's batches and with the number of its line: by that a run that was cut knows what is done.
import type { BodyAnswer } from '../../server/answer-body.ts';
import { isJsonObject, type JsonObject } from '../../util/json.ts';
import type { LineFault } from './batch-line.ts';

/** Facts of a result that a run that goes on, or gets it from elsewhere, needs. */
interface ResultFacts {
  readonly line: number;
  readonly isError: boolean;
  /** Tokens that were generated; 0 where it does not say. */
  readonly tokens: number;
}

/** Line of a batch, named. */
interface LineName {
  readonly line: number;
  readonly customId: string | null;
}

/** Writes the answer to a line. */
export function answerRecord(name: LineName, { status, body }: BodyAnswer): string {
  const requestId = 'id' in body ? body.id : null;
  return write(name, { response: { status_code: status, request_id: requestId, body }, error: null });
}

/** Writes the fault of a line that is no call. */
export function faultRecord(name: LineName, { code, message }: LineFault): string {
  return write(name, { response: null, error: { code, message, line: name.line } });
}

function write({ line, customId }: LineName, fields: object): string {
  return `${JSON.stringify({ id: `batch_req_${line}`, custom_id: customId, line, ...fields })}\n`;
}

/** Reads the facts of a result; returns null for a text that is none. */
export function readResult(text: string): ResultFacts | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isJsonObject(value)) return null;
  const { line, response, error } = value;
  if (typeof line !== 'number' || !Number.isSafeInteger(line) || line < 1) return null;
  const { status_code: status, body } = objectOf(response);
  const { completion_tokens: tokens } = objectOf(objectOf(body).usage);
  const isError = (error ?? null) !== null || status !== 200;
  return { line, isError, tokens: typeof tokens === 'number' ? tokens : 0 };
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}
