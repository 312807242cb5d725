// Report of an open-loop run: one set of numbers, for text and JSON.

import { type Figure, ratio } from '../../src/util/figures.ts';
import { largest, present, sum } from '../../src/util/statistics.ts';
import { faultOf } from '../common/completion.ts';
import { gapsOf, type Spread, spread } from '../common/statistics.ts';
import { type GoodputLimits, isGood, type RequestLatency } from '../load/goodput.ts';
import type { Outcome } from './admit.ts';
import type { OpenLoopRun } from './run-open-loop.ts';

/** Names of latencies, as vLLM has them. */
export const latencyNames = ['ttft', 'tpot', 'itl', 'e2el'] as const;
/** Name of a latency. */
export type LatencyName = (typeof latencyNames)[number];

/** Numbers of an open-loop run. Tokens, rates and latencies are of completed requests; a rate without any is null. */
export interface OpenLoopReport {
  /** Seconds from the start to the last request's end. */
  readonly duration: number;
  readonly completed: number;
  /** Requests that failed or were aborted. */
  readonly failed: number;
  /** Requests that met a full queue. */
  readonly rejected: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Completed requests per second. */
  readonly requestThroughput: Figure;
  /** Completed requests per second that keep the limits. */
  readonly goodput: Figure;
  /** True when limits are given. */
  readonly hasLimits: boolean;
  /** Generated tokens per second. */
  readonly outputThroughput: Figure;
  /** Prompt and generated tokens per second. */
  readonly totalThroughput: Figure;
  /** Most tokens generated in one of the seconds from the start on. */
  readonly peakOutputThroughput: Figure;
  /** Most requests that had arrived and not ended. */
  readonly peakConcurrency: number;
  /** Statistics in milliseconds; null without a sample. */
  readonly latencies: Readonly<Record<LatencyName, Spread | null>>;
  readonly requests: readonly OpenLoopRequestReport[];
}

/** Numbers of a request in milliseconds: `start` from the start of the run, the others from its own. */
export interface OpenLoopRequestReport extends RequestLatency {
  readonly start: number;
  readonly status: 'completed' | 'failed' | 'rejected';
  readonly inputLength: number;
  readonly outputLength: number;
  readonly itls: readonly number[];
  readonly error: string | null;
}

/** Request of a run as a report counts it; times in milliseconds of the run's clock. */
export interface RequestRecord
  extends Pick<OpenLoopRequestReport, 'start' | 'status' | 'inputLength' | 'outputLength' | 'error'> {
  /** When tokens came, one time or more for several that came together. */
  readonly tokenTimes: readonly number[];
  /** Null for a request that never ran. */
  readonly end: number | null;
}

/** Run whose requests are recorded; times in milliseconds of one clock. */
export interface RecordedLoad extends Pick<OpenLoopRun, 'start' | 'end'> {
  /** In the order of the requests. */
  readonly requests: readonly RequestRecord[];
}

/** Evaluates a run of an engine. Latencies count from the arrivals of the open loop, not from those that the engine recorded. */
export function reportOpenLoop(run: OpenLoopRun, limits: GoodputLimits | undefined): OpenLoopReport {
  return reportLoad({ start: run.start, end: run.end, requests: run.outcomes.map(recordOutcome) }, limits);
}

/** Evaluates a run whose requests are recorded. */
export function reportLoad(run: RecordedLoad, limits: GoodputLimits | undefined): OpenLoopReport {
  const requests = run.requests.map((record) => reportRequest(record, run.start));
  const completed = requests.filter(({ status }) => status === 'completed');
  const duration = (run.end - run.start) / 1000;
  const inputTokens = sum(completed.map(({ inputLength }) => inputLength));
  const outputTokens = sum(completed.map(({ outputLength }) => outputLength));
  const rate = (count: number) => (completed.length === 0 ? null : ratio(count, duration));
  const count = (status: OpenLoopRequestReport['status']) =>
    requests.filter((request) => request.status === status).length;
  return {
    duration,
    completed: completed.length,
    failed: count('failed'),
    rejected: count('rejected'),
    inputTokens,
    outputTokens,
    requestThroughput: rate(completed.length),
    goodput: limits === undefined ? null : rate(completed.filter((request) => isGood(request, limits)).length),
    hasLimits: limits !== undefined,
    outputThroughput: rate(outputTokens),
    totalThroughput: rate(inputTokens + outputTokens),
    peakOutputThroughput: peakOutputThroughput(run),
    peakConcurrency: peakConcurrency(requests),
    latencies: {
      ttft: spread(present(completed.map(({ ttft }) => ttft))),
      tpot: spread(present(completed.map(({ tpot }) => tpot))),
      itl: spread(completed.flatMap(({ itls }) => itls)),
      e2el: spread(present(completed.map(({ e2e }) => e2e))),
    },
    requests,
  };
}

const NOTHING = { inputLength: 0, outputLength: 0, tokenTimes: [], end: null };

function recordOutcome(outcome: Outcome): RequestRecord {
  const { start, response } = outcome;
  if (response === null) return { ...NOTHING, start, status: 'rejected', error: outcome.refusal };
  const { promptTokens, ids, timings } = response;
  const { arrival, e2e, tokenTimes } = timings;
  const error = faultOf(response);
  return {
    start,
    status: error === null ? 'completed' : 'failed',
    inputLength: promptTokens,
    outputLength: ids.length,
    tokenTimes,
    end: arrival + e2e,
    error,
  };
}

function reportRequest(record: RequestRecord, runStart: number): OpenLoopRequestReport {
  const { start, status, inputLength, outputLength, tokenTimes, end, error } = record;
  const [first = null, last = null] = [tokenTimes[0], tokenTimes.at(-1)];
  return {
    start: start - runStart,
    status,
    inputLength,
    outputLength,
    ttft: first === null ? null : first - start,
    tpot: first === null || last === null || outputLength < 2 ? null : (last - first) / (outputLength - 1),
    e2e: end === null ? null : end - start,
    itls: gapsOf(tokenTimes),
    error,
  };
}

/** Finds the most tokens of a second; null when no request is complete. */
function peakOutputThroughput({ start, requests }: RecordedLoad): Figure {
  const perSecond = new Map<number, number>();
  for (const { status, tokenTimes } of requests) {
    if (status !== 'completed') continue;
    for (const time of tokenTimes) {
      const second = Math.floor((time - start) / 1000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
  }
  return largest([...perSecond.values()]);
}

/** Finds the most concurrent requests; at equal times a request ends before another arrives. */
function peakConcurrency(requests: readonly OpenLoopRequestReport[]): number {
  const events = requests.flatMap(({ start, e2e }) =>
    e2e === null
      ? []
      : [
          { time: start, change: 1 },
          { time: start + e2e, change: -1 },
        ],
  );
  events.sort((a, b) => a.time - b.time || a.change - b.change);
  let [now, most] = [0, 0];
  for (const { change } of events) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}
