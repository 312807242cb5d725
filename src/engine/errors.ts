import { RoseinferError } from '../util/errors.ts';

/** A request to an engine that was closed. */
export class EngineClosedError extends RoseinferError {
  constructor() {
    super('engine is closed, expected requests before close()');
  }
}

/** A streamed request that ended with a fault; what came before it has been yielded. */
export class RequestFailedError extends RoseinferError {
  readonly requestId: string;

  constructor(requestId: string, reason: string) {
    super(`request ${requestId} failed: ${reason}`);
    this.requestId = requestId;
  }
}

/** A runner's answer that doesn't belong to the step it was given. */
export class StepResultError extends RoseinferError {
  constructor(numIds: number, numFinite: number, numRows: number) {
    super(`runner gave ${numIds} ids and ${numFinite} finite flags, expected ${numRows} of each`);
  }
}

/** A runner's answer without the log-probabilities that a row of the step asked for. */
export class MissingLogprobsError extends RoseinferError {
  constructor(row: number) {
    super(`runner gave no logprobs of row ${row}, expected them as its request asks`);
  }
}

/** A request that would wait behind more than the engine lets wait. */
export class QueueFullError extends RoseinferError {
  readonly requestId: string;
  /** With the refused one. */
  readonly queued: number;
  readonly max: number;

  constructor(requestId: string, queued: number, max: number, unit: 'requests' | 'prompt tokens') {
    super(`request ${requestId} would make ${queued} ${unit} wait, expected at most ${max}`);
    this.requestId = requestId;
    this.queued = queued;
    this.max = max;
  }
}

/** An id that no unfinished request has. */
export class UnknownRequestError extends RoseinferError {
  readonly requestId: string;

  constructor(requestId: string) {
    super(`request ${requestId} is unknown, expected the id of one that has not ended`);
    this.requestId = requestId;
  }
}
