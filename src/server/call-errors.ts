// The end of a call with an error: what the caller reads, and what the log keeps of a fault.
import type { ApiError } from './api-error.ts';
import { toApiError } from './engine-errors.ts';
import type { Call, Serving } from './serving.ts';

/** Makes the answer of an error, before the first byte or as the last event, and logs a fault under the id of the call. */
export function answerOfError({ log, options }: Serving, call: Call, error: unknown): ApiError {
  const answer = toApiError(error, call.get('names'));
  call.set('error', answer.code);
  if (answer.status >= 500 && answer.cause !== undefined) {
    const fault = options.logTexts ? { err: answer.cause } : { fault: faultOf(answer.cause) };
    log.error({ requestId: call.get('requestId'), ...fault }, answer.code);
  }
  return answer;
}

/** Class and place of a fault: its message may quote a prompt, or tell where a model lies. */
function faultOf(error: unknown) {
  if (!(error instanceof Error)) return { name: typeof error };
  const at = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return { name: error.name, at: at.map((line) => line.trim()) };
}
