// An error of a queue that ends a command: what can mend itself is waited for.
import { RoseinferError } from '../../util/errors.ts';
import { quote } from '../../util/quote.ts';
import type { QueueAddress } from './queue-address.ts';

/** Error of a queue that can't be reached, or can't be used. */
export class QueueError extends RoseinferError {
  constructor({ label }: QueueAddress, found: string, expected: string, options?: ErrorOptions) {
    super(`--queue is ${quote(label)}, ${found}, expected ${expected}`, options);
  }
}

/** Gives the message of an error that a library threw, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, ' ').trim().toLowerCase();
}
