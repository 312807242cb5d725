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
