// Which requests count: figures are of requests that came to their own end, in the closed loop and in the open one.
import type { FinishedRequest } from '../../src/engine/request.ts';
import { RoseinferError } from '../../src/util/errors.ts';

/** Whether a request came to its own end; one that failed or was aborted has a row in a report, and is in no rate. */
export function isComplete({ finishReason }: Pick<FinishedRequest, 'finishReason'>): boolean {
  return finishReason === 'stop' || finishReason === 'length';
}

/** Says why a request is not complete; null when it is. */
export function faultOf({ finishReason, error }: Pick<FinishedRequest, 'finishReason' | 'error'>): string | null {
  return isComplete({ finishReason }) ? null : (error ?? finishReason);
}

/** A benchmark that ran, but whose numbers are worth nothing. */
export class BenchmarkError extends RoseinferError {}

/**
 * Checks requests on which a measurement as a whole depends.
 *
 * @throws BenchmarkError naming the first that is not complete.
 */
export function throwIfFailed(responses: readonly Pick<FinishedRequest, 'finishReason' | 'error'>[]): void {
  for (const [index, response] of responses.entries()) {
    const fault = faultOf(response);
    if (fault !== null) throw new BenchmarkError(`request ${index} of ${responses.length} failed: ${fault}`);
  }
}
