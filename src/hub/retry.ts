// Attempts at what may fail for a while: a bound on failures in a row, and waits that grow or are those that a host asks for.
import { setTimeout } from 'node:timers/promises';
import { HubConnectionError, HubResponseError } from './hub-error.ts';

/** Failures in a row after which the last is reported. */
const MAX_FAILURES = 5;
/** Longest wait that a host may ask for. */
const MAX_WAIT_MS = 300_000;
/** Answers that another attempt may change. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Settings of attempts. */
export interface RetryOptions {
  readonly signal: AbortSignal;
  /** Milliseconds before the second attempt; each further wait is twice as long. */
  readonly backoff: number;
  /** Returns what is done so far: failures after progress are not in a row. */
  readonly progress?: () => number;
  /** Receives an error and the milliseconds until the next attempt. */
  readonly onWait?: ((error: Error, milliseconds: number) => void) | undefined;
}

/**
 * Attempts until it works.
 *
 * @throws the last error of five failures in a row, one that no attempt changes, one with a wait of more than five minutes,
 * and the signal's reason.
 */
export async function withRetries<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal, backoff, progress = () => 0, onWait } = options;
  for (let failures = 0, done = progress(); ; ) {
    try {
      signal.throwIfAborted();
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!isPassing(error)) throw error;
      failures = progress() > done ? 1 : failures + 1;
      done = progress();
      const asked = error instanceof HubResponseError ? error.retryAfter : null;
      const wait = asked ?? backoff * 2 ** (failures - 1);
      if (failures === MAX_FAILURES || wait > MAX_WAIT_MS) throw error;
      onWait?.(error, wait);
      await setTimeout(wait, undefined, { signal });
    }
  }
}

function isPassing(error: unknown): error is HubResponseError | HubConnectionError {
  return error instanceof HubConnectionError || (error instanceof HubResponseError && PASSING.has(error.status));
}
