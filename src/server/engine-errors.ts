// Errors of the layers below as answers: each names the parameter as the API does, and none holds a path or a prompt.
import {
  EngineClosedError,
  type QueueFullError,
  RequestFailedError,
  RunnerFailedError,
  UnknownRequestError,
} from '../engine/errors.ts';
import { RequestTooLargeError } from '../scheduler/request-too-large-error.ts';
import { ChatTemplateError, ChatTemplateRefusal } from '../tokenizer/chat-template-errors.ts';
import { count } from '../util/count.ts';
import { RangeValueError } from '../util/errors.ts';
import { clip } from '../util/quote.ts';
import { ApiError, invalidParameter, NO_RETRY } from './api-error.ts';
import { describeValue } from './describe-value.ts';

/** The API's names of parameters whose library names are not the same words. */
export type ParameterNames = Readonly<Record<string, string>>;

/** Makes the answer of any error; one that is not expected becomes a 500 that says nothing. */
export function toApiError(error: unknown, names: ParameterNames = {}): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof RangeValueError) return ofRange(error, names);
  if (error instanceof RequestTooLargeError) {
    const { needed, available } = error;
    const message = `prompt and ${names.maxTokens ?? 'max_tokens'} need ${count(needed, 'block')} of the cache, expected at most ${available}`;
    return invalidParameter(names.maxTokens ?? 'max_tokens', message, 'context_length_exceeded');
  }
  if (error instanceof ChatTemplateRefusal) {
    return invalidParameter('messages', `chat template refuses the messages: ${clip(error.reason)}`);
  }
  if (error instanceof ChatTemplateError) {
    return new ApiError(500, 'chat template of the model is faulty', { code: 'chat_template_failed', cause: error });
  }
  if (error instanceof EngineClosedError) return shuttingDown();
  if (error instanceof RunnerFailedError) return deviceFailed(error);
  if (error instanceof UnknownRequestError) {
    return new ApiError(404, 'request is unknown or has ended', { code: 'request_not_found' });
  }
  if (error instanceof RequestFailedError) return generationFailed(error);
  return new ApiError(500, 'internal error; the log has it under the id of this request', {
    code: 'internal_error',
    cause: error,
  });
}

/** The answer to a call for which the queue has no room, with the seconds until it probably has. */
export function queueFull({ queued, max, unit }: QueueFullError, seconds: number): ApiError {
  const message = `queue is full: ${queued} ${unit} would wait, expected at most ${max}; try again in ${seconds} s`;
  return new ApiError(429, message, { code: 'queue_full', headers: { 'retry-after': String(seconds) } });
}

/** The answer while the server ends; another may be there in its place soon. */
export function shuttingDown(): ApiError {
  const headers = { 'retry-after': '1', connection: 'close' };
  return new ApiError(503, 'server is shutting down; try again later', { code: 'shutting_down', headers });
}

/** The answer when the device can run no more steps. */
export function deviceFailed(cause: unknown): ApiError {
  return new ApiError(503, 'device can run no more steps; the server has to be started again', {
    code: 'device_failed',
    cause,
  });
}

/** Reason of the engine's own, which has no text of a caller, nor a path, as that of a step that threw may have. */
const OWN_REASON =
  /^(logits for position \d+ are not finite|none of the ids that the constraint allows can be sampled)$/;
const CONSTRAINT_REASON = /^\w+\(\) of the constraint /;

/** The answer to a request that ended with a fault. */
export function generationFailed(cause: RequestFailedError): ApiError {
  return new ApiError(500, `generation failed: ${publicReason(cause.reason)}`, { code: 'generation_failed', cause });
}

function publicReason(reason: string): string {
  if (OWN_REASON.test(reason)) return reason;
  const fault = CONSTRAINT_REASON.test(reason) ? 'its structured output was given up' : 'a step has thrown';
  return `${fault}; the log has it under the id of this request`;
}

/** The answer to a request whose time is over: another attempt would take as long. */
export function deadlinePassed(seconds: number): ApiError {
  return new ApiError(504, `request took longer than ${count(seconds, 'second')}, the limit of this server`, {
    code: 'deadline_exceeded',
    headers: NO_RETRY,
  });
}

function ofRange({ parameter, value, expected }: RangeValueError, names: ParameterNames): ApiError {
  const name = nameParameters(parameter, names);
  const isPrompt = name.startsWith('prompt');
  const param = isPrompt ? (names.prompt ?? 'prompt') : paramOf(name);
  const code = parameter === 'prompt length' ? 'context_length_exceeded' : 'invalid_value';
  return invalidParameter(
    param,
    `${name} is ${describeValue(param, value)}, expected ${nameParameters(expected, names)}`,
    code,
  );
}

/** Names the parameter of a value within one, such as `token id of logit_bias` or `id 3 of resume`. */
function paramOf(name: string): string {
  return name.replace(/^(?:token id|number|ids|id \d+|number of ids) of (?=\S+$)| of \S+$/, '');
}

/** Writes the library's names in a message as the API's: `maxTokens` as `max_tokens`. */
function nameParameters(message: string, names: ParameterNames): string {
  return message.replaceAll(/[a-z]+(?:[A-Z][a-z]+)+/g, (name) => names[name] ?? snakeCase(name));
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
