// The refusal of a request that no state of the pool could ever hold.
import { RoseinferError } from '../util/errors.ts';

/** A request that could not run even alone. */
export class RequestTooLargeError extends RoseinferError {
  readonly requestId: string;
  readonly needed: number;
  readonly available: number;

  constructor(requestId: string, needed: number, available: number, unit: string) {
    super(`request ${requestId} needs ${needed} ${unit} for its prompt and maxTokens, expected at most ${available}`);
    this.requestId = requestId;
    this.needed = needed;
    this.available = available;
  }
}
