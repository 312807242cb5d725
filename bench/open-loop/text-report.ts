// Text report of an open-loop run, with the rows of vLLM's serving benchmark.
import { formatFigure } from '../../src/util/figures.ts';
import type { LoadArgs } from '../load/load-flags.ts';
import { type LatencyName, latencyNames, type OpenLoopReport } from './report.ts';

/** Arrivals, as a report names them. */
type LoadDescription = Partial<Pick<LoadArgs, 'request-rate' | 'max-concurrency'>>;

/** Label of a row, and its value. */
export type Entry = readonly [label: string, value: string | number];

/** Parts of a report besides the rows that all have. */
export interface ReportParts extends LoadDescription {
  /** First rows: what was measured. */
  readonly head: readonly Entry[];
  /** Sections after the latencies, by their titles. */
  readonly sections?: readonly { readonly title: string; readonly entries: readonly Entry[] }[];
}

/** Characters of a headline. */
const WIDTH = 50;
/** Characters of a row's label. */
const LABEL_WIDTH = 40;

const TITLES: Readonly<Record<LatencyName, string>> = {
  ttft: 'Time to First Token',
  tpot: 'Time per Output Token (excl. 1st token)',
  itl: 'Inter-token Latency',
  e2el: 'End-to-end Latency',
};

/** Formats the section of a run of an engine. */
export function formatOpenLoop(report: OpenLoopReport, load: LoadDescription & { readonly mode: string }): string {
  return formatLoad(report, { ...load, head: [['Scheduler:', load.mode]] });
}

/** Formats the section of a run. */
export function formatLoad(report: OpenLoopReport, parts: ReportParts): string {
  const { head, sections = [], 'request-rate': requestRate, 'max-concurrency': maxConcurrency } = parts;
  const entries: readonly Entry[] = [
    ...head,
    ['Successful requests:', report.completed],
    ['Failed requests:', report.failed],
    ['Rejected requests:', report.rejected],
    ...(maxConcurrency === undefined ? [] : [['Maximum request concurrency:', maxConcurrency] as const]),
    ...(requestRate === undefined ? [] : [['Request rate configured (RPS):', requestRate] as const]),
    ['Benchmark duration (s):', report.duration.toFixed(2)],
    ['Total input tokens:', report.inputTokens],
    ['Total generated tokens:', report.outputTokens],
    ['Request throughput (req/s):', formatFigure(report.requestThroughput, 2)],
    ...(report.hasLimits ? [['Request goodput (req/s):', formatFigure(report.goodput, 2)] as const] : []),
    ['Output token throughput (tok/s):', formatFigure(report.outputThroughput, 2)],
    ['Peak output token throughput (tok/s):', formatFigure(report.peakOutputThroughput, 2)],
    ['Peak concurrent requests:', report.peakConcurrency.toFixed(2)],
    ['Total token throughput (tok/s):', formatFigure(report.totalThroughput, 2)],
  ];
  return [
    formatTitle('Serving Benchmark Result', '='),
    ...entries.map(formatEntry),
    ...latencyNames.flatMap((name) => formatLatency(name, report)),
    ...sections.flatMap(({ title, entries: own }) => [formatTitle(title, '-'), ...own.map(formatEntry)]),
    '='.repeat(WIDTH),
  ].join('\n');
}

function formatLatency(name: LatencyName, { latencies }: OpenLoopReport): string[] {
  const { mean, median, p99 } = latencies[name] ?? {};
  const row = (statistic: string, value: number | undefined) =>
    formatEntry([`${statistic} ${name.toUpperCase()} (ms):`, formatFigure(value ?? null, 2)]);
  return [formatTitle(TITLES[name], '-'), row('Mean', mean), row('Median', median), row('P99', p99)];
}

function formatTitle(title: string, line: string): string {
  const numLeft = Math.floor((WIDTH - title.length - 2) / 2);
  return `${line.repeat(numLeft)} ${title} `.padEnd(WIDTH, line);
}

function formatEntry([label, value]: Entry): string {
  return `${label.padEnd(LABEL_WIDTH)} ${String(value).padEnd(10)}`;
}
