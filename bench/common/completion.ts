// Completed requests: every figure of a closed or an open loop counts these alone.
import type { FinishedRequest } from '../../src/engine/request.ts';
import { RoseinferError } from '../../src/util/errors.ts';

/** Tells whether a request came to its end. One that failed or was aborted has a row in a report, but is in no rate. */
export function isComplete({ finishReason }: Pick<FinishedRequest, 'finishReason'>): boolean {
  return finishReason === 'stop' || finishReason === 'length';
}

/** Says why a request is not complete; null when it is. */
export function faultOf({ finishReason, error }: Pick<FinishedRequest, 'finishReason' | 'error'>): string | null {
  return isComplete({ finishReason }) ? null : (error ?? finishReason);
}

/** Error of a benchmark that ran, but whose numbers are worth nothing. */
export class BenchmarkError extends RoseinferError {}

/**
 * Refuses a measurement that depends on all its requests when one of them is not complete.
 *
 * @throws BenchmarkError naming the first such request.
 */
export function throwIfFailed(responses: readonly Pick<FinishedRequest, 'finishReason' | 'error'>[]): void {
  for (const [index, response] of responses.entries()) {
    const fault = faultOf(response);
    if (fault !== null) throw new BenchmarkError(`request ${index} of ${responses.length} failed: ${fault}`);
  }
}
