// Errors of requests and of the engine, each with its numbers as fields.
import type { Runner } from '../core/runner.ts';
import { count } from '../util/count.ts';
import { RoseinferError } from '../util/errors.ts';
import { messageOf } from '../util/message-of.ts';
import { clip, quote } from '../util/quote.ts';

/** A chat with a model whose files have no chat template. */
export class NoChatTemplateError extends RoseinferError {
  /** @param model its name, where it is known. */
  constructor(model = 'the model') {
    super(
      `${model} has no chat template, expected one in chat_template.jinja, tokenizer_config.json, its GGUF file or chatTemplate`,
    );
  }
}

/** A request to an engine that was closed. */
export class EngineClosedError extends RoseinferError {
  constructor() {
    super('engine is closed, expected requests before close()');
  }
}

/** A request to an engine whose runner can run no more steps: its device was lost, or it was closed. */
export class RunnerFailedError extends RoseinferError {
  /** The runner's own reason. */
  override readonly cause: Runner['failure'];

  constructor(cause: Runner['failure']) {
    super(`runner can run no more steps: ${messageOf(cause)}`);
    this.cause = cause;
  }
}

/** A streamed request that ended with a fault; its earlier pieces have been yielded. */
export class RequestFailedError extends RoseinferError {
  readonly requestId: string;
  readonly reason: string;

  constructor(requestId: string, reason: string) {
    super(`request ${idText(requestId)} failed: ${reason}`);
    this.requestId = requestId;
    this.reason = reason;
  }
}

/** A request without a partial result that was aborted: by its signal, its deadline, `abort` or `close`. */
export class RequestAbortedError extends RoseinferError {
  readonly requestId: string;
  /** True where its deadline passed. */
  readonly isLate: boolean;

  /**
   * @param late how its deadline passed; null for any other abort.
   * @param cause the reason of the signal; null for any other abort.
   */
  constructor(requestId: string, late: string | null, cause: unknown) {
    super(`request ${idText(requestId)} was aborted: ${late ?? 'by its caller'}`, { cause });
    this.requestId = requestId;
    this.isLate = late !== null;
  }
}

/** A reader that left more pieces of its stream unread than it may; the reason of the abort of its request. */
export class SlowReaderError extends RoseinferError {
  readonly requestId: string;
  readonly unread: number;
  readonly max: number;

  constructor(requestId: string, unread: number, max: number) {
    super(`reader of request ${idText(requestId)} has left ${unread} pieces unread, expected at most ${max}`);
    this.requestId = requestId;
    this.unread = unread;
    this.max = max;
  }
}

/** A runner's answer that doesn't belong to the step it was given. */
export class StepResultError extends RoseinferError {
  readonly found: string;
  readonly expected: string;

  constructor(found: string, expected: string) {
    super(`runner gave ${found}, expected ${expected}`);
    this.found = found;
    this.expected = expected;
  }
}

/** A request beyond the number of requests or tokens that the engine lets wait. */
export class QueueFullError extends RoseinferError {
  readonly requestId: string;
  /** With the refused one. */
  readonly queued: number;
  readonly max: number;
  readonly unit: 'requests' | 'prompt tokens';

  constructor(requestId: string, queued: number, max: number, unit: 'requests' | 'prompt tokens') {
    const some = count(queued, unit.slice(0, -1));
    super(`request ${idText(requestId)} would make ${some} wait, expected at most ${max}`);
    this.requestId = requestId;
    this.queued = queued;
    this.max = max;
    this.unit = unit;
  }
}

/** An id that no unfinished request has. */
export class UnknownRequestError extends RoseinferError {
  readonly requestId: string;

  constructor(requestId: string) {
    super(`request ${idText(requestId)} is unknown, expected the id of one that has not ended`);
    this.requestId = requestId;
  }
}

/** An id that a caller chose, of bounded length. */
function idText(requestId: unknown): string {
  return typeof requestId === 'string' ? clip(requestId) : quote(requestId);
}
