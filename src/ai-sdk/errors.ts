// Errors of the layers below as those of the AI SDK, whose own code decides by their kind if a call is tried again.
import { APICallError, InvalidArgumentError, InvalidPromptError } from '@ai-sdk/provider';
import { QueueFullError, RequestFailedError } from '../engine/errors.ts';
import type { FinishedRequest } from '../engine/request.ts';
import { StructuredOutputError } from '../grammar/errors.ts';
import { RequestTooLargeError } from '../scheduler/request-too-large-error.ts';
import { ChatTemplateRefusal } from '../tokenizer/chat-template-errors.ts';
import { count } from '../util/count.ts';
import { RangeValueError, RoseinferError } from '../util/errors.ts';
import { quote } from '../util/quote.ts';

/** A call of a provider that was closed. */
export class ProviderClosedError extends RoseinferError {
  constructor() {
    super('provider is closed, expected calls before close()');
  }
}

/** A request that its own `deadlineMs` ended. */
class DeadlinePassedError extends RoseinferError {}

/** A call that an error is about. */
export interface FailedCall {
  readonly modelId: string;
  readonly prompt: unknown;
  /** Its form is that of calls of tools. */
  readonly hasTools: boolean;
}

/** The SDK's names of parameters that have others here. */
const SDK_NAMES = { maxTokens: 'maxOutputTokens', stop: 'stopSequences' };

/** Makes the SDK's error of one of ours; any other, such as the reason of a signal, stays as it is. */
export function toSdkError(error: unknown, call: FailedCall): unknown {
  if (error instanceof RangeValueError) {
    const argument = renameParameters(error.parameter);
    const message = `${argument} is ${quote(error.value)}, expected ${renameParameters(error.expected)}`;
    return new InvalidArgumentError({ argument, message, cause: error });
  }
  if (error instanceof RequestTooLargeError) {
    const argument = SDK_NAMES.maxTokens;
    const message = `prompt and ${argument} need ${count(error.needed, 'block')} of the cache, expected at most ${error.available}`;
    return new InvalidArgumentError({ argument, message, cause: error });
  }
  if (error instanceof StructuredOutputError) {
    const argument = call.hasTools ? 'tools' : 'responseFormat';
    const message = `${argument} can't be kept: ${error.message}`;
    return new InvalidArgumentError({ argument, message, cause: error });
  }
  if (error instanceof ChatTemplateRefusal) {
    return new InvalidPromptError({ prompt: call.prompt, message: error.message, cause: error });
  }
  if (error instanceof RoseinferError) {
    return new APICallError({
      message: error.message,
      url: `roseinfer:${call.modelId}`,
      requestBodyValues: {},
      // All else comes again: a lost device, a closed engine, a fault in a step.
      isRetryable: error instanceof QueueFullError,
      cause: error,
    });
  }
  return error;
}

/** The fault that ended a request; null where it ended as requests do, or was aborted. */
export function faultOf({ requestId, finishReason, error }: FinishedRequest): RoseinferError | null {
  if (finishReason === 'error') return new RequestFailedError(requestId, error ?? 'unknown');
  return finishReason === 'abort' && error !== null ? new DeadlinePassedError(error) : null;
}

function renameParameters(text: string): string {
  return Object.entries(SDK_NAMES).reduce(
    (renamed, [own, sdk]) => renamed.replaceAll(new RegExp(`\\b${own}\\b`, 'g'), sdk),
    text,
  );
}
