import type { FinishedRequest } from '../../src/engine/request.ts';
import { type Spread, spread, sum } from '../statistics.ts';
import type { Served } from './admit.ts';
import { type GoodputLimits, isGood, type RequestLatency } from './goodput.ts';
import type { ServingRun } from './open-loop.ts';

/** What latencies are of, under vLLM's names. */
export const latencyNames = ['ttft', 'tpot', 'itl', 'e2el'] as const;
export type LatencyName = (typeof latencyNames)[number];

/** The numbers of an open-loop run. What counts tokens or times counts completed requests only. */
export interface ServingReport {
  /** Seconds from the start to the last request's end. */
  readonly duration: number;
  readonly completed: number;
  /** Ended with a fault, or before they were complete. */
  readonly failed: number;
  /** Turned away. */
  readonly rejected: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Completed requests per second. */
  readonly requestThroughput: number;
  /** Completed requests within the limits per second; null without limits. */
  readonly goodput: number | null;
  /** Generated tokens per second. */
  readonly outputThroughput: number;
  /** Prompt and generated tokens per second. */
  readonly totalThroughput: number;
  /** Most tokens that came in one of the seconds from the start on. */
  readonly peakOutputThroughput: number;
  /** Most requests that had arrived and not ended. */
  readonly peakConcurrency: number;
  /** Milliseconds; null where there is no sample. */
  readonly latencies: Readonly<Record<LatencyName, Spread | null>>;
  readonly requests: readonly ServedRequest[];
}

/** One request of the report; times in milliseconds, `start` from the start of the run, the others from its own. */
export interface ServedRequest extends RequestLatency {
  readonly start: number;
  readonly status: 'completed' | 'failed' | 'rejected';
  readonly inputLength: number;
  readonly outputLength: number;
  readonly itls: readonly number[];
  readonly error: string | null;
}

/** Evaluates a run. Its times are those of the arrivals, whatever the engine has stamped. */
export function reportServing(run: ServingRun, limits: GoodputLimits | undefined): ServingReport {
  const requests = run.served.map((served) => reportRequest(served, run.start));
  const completed = requests.filter(({ status }) => status === 'completed');
  const duration = (run.end - run.start) / 1000;
  const inputTokens = sum(completed.map(({ inputLength }) => inputLength));
  const outputTokens = sum(completed.map(({ outputLength }) => outputLength));
  const numGood = limits && completed.filter((request) => isGood(request, limits)).length;
  const count = (status: ServedRequest['status']) => requests.filter((request) => request.status === status).length;
  return {
    duration,
    completed: completed.length,
    failed: count('failed'),
    rejected: count('rejected'),
    inputTokens,
    outputTokens,
    requestThroughput: completed.length / duration,
    goodput: numGood === undefined ? null : numGood / duration,
    outputThroughput: outputTokens / duration,
    totalThroughput: (inputTokens + outputTokens) / duration,
    peakOutputThroughput: peakOutputThroughput(run),
    peakConcurrency: peakConcurrency(requests),
    latencies: {
      ttft: spread(present(completed.map(({ ttft }) => ttft))),
      tpot: spread(present(completed.map(({ tpot }) => tpot))),
      itl: spread(completed.flatMap(({ itls }) => itls)),
      e2el: spread(completed.map(({ e2e }) => e2e)),
    },
    requests,
  };
}

const NOTHING = { inputLength: 0, outputLength: 0, ttft: null, tpot: null, e2e: 0, itls: [] };

function reportRequest(served: Served, runStart: number): ServedRequest {
  const { start, response } = served;
  if (response === null) return { ...NOTHING, start: start - runStart, status: 'rejected', error: served.refusal };
  const { promptTokens, ids, finishReason, error, timings } = response;
  const { arrival, firstToken, tpot, e2e, tokenTimes } = timings;
  const isComplete = finishReason === 'stop' || finishReason === 'length';
  return {
    start: start - runStart,
    status: isComplete ? 'completed' : 'failed',
    inputLength: promptTokens,
    outputLength: ids.length,
    ttft: firstToken === null ? null : firstToken - start,
    tpot,
    e2e: arrival + e2e - start,
    itls: tokenTimes.slice(1).map((time, index) => time - tokenTimes[index]!),
    error: isComplete ? null : (error ?? finishReason),
  };
}

function peakOutputThroughput({ start, end, served }: ServingRun): number {
  const perSecond = new Uint32Array(Math.floor((end - start) / 1000) + 1);
  const times = (response: FinishedRequest | null) => response?.timings.tokenTimes ?? [];
  for (const { response } of served) {
    for (const time of times(response)) perSecond[Math.floor((time - start) / 1000)]!++;
  }
  return perSecond.reduce((most, each) => Math.max(most, each), 0);
}

/** At equal times a request ends before another one arrives. */
function peakConcurrency(requests: readonly ServedRequest[]): number {
  const admitted = requests.filter(({ status }) => status !== 'rejected');
  const events = admitted.flatMap(({ start, e2e }) => [
    { time: start, change: 1 },
    { time: start + e2e, change: -1 },
  ]);
  events.sort((a, b) => a.time - b.time || a.change - b.change);
  let [now, most] = [0, 0];
  for (const { change } of events) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}

function present<T>(values: readonly (T | null)[]): T[] {
  return values.filter((value) => value !== null);
}
