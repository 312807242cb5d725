// Run of a server: requests are sent when they are due, and each answer is read when it has ended.
import { sum } from '../../src/util/statistics.ts';
import type { TimedRequest } from '../load/requests.ts';
import { sendWhenDue } from '../load/send-when-due.ts';
import type { WaitingClock } from '../load/waiting-clock.ts';
import { type CallTarget, callBody, pathOf } from './call-body.ts';
import type { HttpClient } from './http-client.ts';
import { type Completion, readCompletion } from './read-completion.ts';
import { compareMetrics, readMetrics, type ServerFigures } from './server-metrics.ts';

/** Request of a run, and what became of it. */
export interface ServedRequest {
  /** When it was due, in milliseconds of the client's clock. */
  readonly start: number;
  /** Ids that were sent; null where the prompt was a text. */
  readonly sentIds: number | null;
  readonly completion: Completion;
}

/** Run of all requests; times in milliseconds of the client's clock. */
export interface ServingRun {
  readonly start: number;
  readonly end: number;
  /** In the order of the requests. */
  readonly requests: readonly ServedRequest[];
  readonly server: ServerFigures;
  /** Processor time of the client in milliseconds. */
  readonly clientTime: number;
}

/** Where requests go, and what is told meanwhile. */
export interface ServingOptions {
  readonly client: HttpClient;
  readonly target: CallTarget;
  readonly clock: WaitingClock;
  readonly signal: AbortSignal;
  /** Most requests on their way; no limit when missing. */
  readonly maxConcurrency?: number | undefined;
  /** Called with the number of requests that have ended. */
  readonly onEnd: (numEnded: number) => void;
  /** Receives the partial run that the signal interrupted, before the signal's reason is thrown. */
  readonly onInterrupted: (run: ServingRun) => void;
}

/**
 * Sends requests, given in order of arrival, when they are due.
 *
 * @throws ServerError for a request that can't be sent; the signal's reason.
 */
export async function runServing(requests: readonly TimedRequest[], options: ServingOptions): Promise<ServingRun> {
  const { client, target, clock, signal, maxConcurrency, onEnd, onInterrupted } = options;
  const calls = requests.map((request) => ({
    due: request.due,
    sentIds: request.promptIds?.length ?? null,
    body: callBody(request, target),
  }));
  const before = await readMetrics(client);
  const path = pathOf(target);
  let numEnded = 0;
  const send = async ({ sentIds, body }: (typeof calls)[number], start: number): Promise<ServedRequest> => {
    const answer = await client.post(path, body);
    onEnd(++numEnded);
    return { start, sentIds, completion: readCompletion(answer) };
  };
  const usedBefore = process.cpuUsage();
  const start = clock.now();
  const served = await sendWhenDue(calls, { start, clock, signal, maxConcurrency, send });
  const end = clock.now();
  const { user, system } = process.cpuUsage(usedBefore);
  const run = { start, end, requests: served, clientTime: (user + system) / 1000 };
  if (signal.aborted) onInterrupted({ ...run, server: compareMetrics(null, null, 0) });
  signal.throwIfAborted();
  const numComplete = sum(served.map(({ completion }) => (completion.fault === null ? 1 : 0)));
  const after = before === null ? null : await readMetrics(client).catch(() => null);
  return { ...run, server: compareMetrics(before, after, numComplete) };
}
