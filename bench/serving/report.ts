// Report of a run of a server: the rows of an open loop by the client's clock, and what the server says beside them.
import { type Figure, mapFigure, ratio } from '../../src/util/figures.ts';
import { sum } from '../../src/util/statistics.ts';
import { type Spread, summarize } from '../common/statistics.ts';
import type { GoodputLimits } from '../load/goodput.ts';
import { type OpenLoopReport, type RequestRecord, reportLoad } from '../open-loop/report.ts';
import { type ClientOffsets, clientOffsets } from './client-offsets.ts';
import { type PrefillProof, provePrefill } from './computed-prefill.ts';
import type { ServedRequest, ServingRun } from './run-serving.ts';

/** Times by the clocks of client and server, in milliseconds. */
export interface BothClocks {
  /** Mean from sending to the first token by the client, and from arrival to it by the server's metrics. */
  readonly ttft: { readonly client: Figure; readonly server: Figure };
  readonly itl: { readonly client: Figure; readonly server: Figure };
  /** Request by request, by the timelines. */
  readonly offsets: ClientOffsets;
}

/** Numbers of a run of a server. */
export interface ServingReport {
  readonly load: OpenLoopReport;
  readonly clocks: BothClocks;
  /** Microseconds of processor time for each generated token. */
  readonly processor: { readonly client: Figure; readonly server: Figure };
  readonly prefill: PrefillProof;
  /** Number of requests that failed or were refused by reason. */
  readonly failures: Readonly<Record<string, number>>;
}

/** Evaluates a run. */
export function reportServing(run: ServingRun, limits: GoodputLimits | undefined): ServingReport {
  const { requests, server, clientTime } = run;
  const load = reportLoad({ start: run.start, end: run.end, requests: requests.map(recordOf) }, limits);
  const complete = requests.flatMap(({ completion }) => (completion.fault === null ? [completion] : []));
  const firsts = complete.flatMap(({ sent, tokenTimes: [first] }) => (first === undefined ? [] : [first - sent]));
  const generated = sum(complete.map(({ usage }) => usage?.completion ?? 0));
  const perToken = (milliseconds: Figure) => mapFigure(ratio(milliseconds, generated), (value) => 1000 * value);
  const mean = (spread: Spread | null) => spread?.mean ?? null;
  return {
    load,
    clocks: {
      ttft: { client: summarize(firsts)?.mean ?? null, server: server.meanTtft },
      itl: { client: mean(load.latencies.itl), server: server.meanItl },
      offsets: clientOffsets(complete),
    },
    processor: { client: perToken(clientTime), server: perToken(server.processorTime) },
    prefill: provePrefill(
      complete.flatMap(({ usage }) => (usage === null ? [] : [usage])),
      server.cachedTokens,
    ),
    failures: countFailures(requests),
  };
}

function recordOf({ start, completion }: ServedRequest): RequestRecord {
  const { tokenTimes, usage, fault, end } = completion;
  return {
    start,
    status: fault === null ? 'completed' : fault.isRefusal ? 'rejected' : 'failed',
    inputLength: usage?.prompt ?? 0,
    outputLength: usage?.completion ?? 0,
    tokenTimes,
    end: fault?.isRefusal ? null : end,
    error: fault?.message ?? null,
  };
}

function countFailures(requests: readonly ServedRequest[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { completion } of requests) {
    const reason = completion.fault?.reason;
    if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
}
