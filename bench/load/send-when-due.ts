// Arrivals of an open loop: requests are sent when they are due, whatever becomes of those before them.
import { ConcurrencyLimit } from './concurrency-limit.ts';
import type { WaitingClock } from './waiting-clock.ts';

/** Clock of the arrivals, and where they go. */
export interface SendingOptions<Request, Result> {
  /** Time of the clock from which requests are due. */
  readonly start: number;
  readonly clock: WaitingClock;
  readonly signal: AbortSignal;
  /** Most requests on their way; no limit when missing. */
  readonly maxConcurrency?: number | undefined;
  /** Sends a request whose latencies count from `start`; settles when it has ended. */
  readonly send: (request: Request, start: number) => Promise<Result>;
}

/**
 * Sends requests, given in order of arrival, when they are due. Latencies count from then, even when a timer is late;
 * for a request that `maxConcurrency` held back they count from its release. After an abort no more are sent. Returns the results
 * of those that were, when all have ended.
 *
 * @throws what `send` throws.
 */
export async function sendWhenDue<Request extends { readonly due: number }, Result>(
  requests: readonly Request[],
  { start, clock, signal, maxConcurrency = Number.POSITIVE_INFINITY, send }: SendingOptions<Request, Result>,
): Promise<Result[]> {
  const places = new ConcurrencyLimit(maxConcurrency);
  const results: Promise<Result>[] = [];
  for (const request of requests) {
    const due = start + request.due;
    await untilDue(clock, due, signal);
    const isHeldBack = await places.take();
    if (signal.aborted) break;
    const sent = send(request, isHeldBack ? clock.now() : due).finally(() => places.release());
    sent.catch(() => {}); // thrown below, when all are sent
    results.push(sent);
  }
  return await Promise.all(results);
}

/** Waits for a time or the signal, whichever comes first. */
async function untilDue(clock: WaitingClock, due: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.until(due, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
