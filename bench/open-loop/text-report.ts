// Text report of an open-loop run, with the rows of vLLM's serving benchmark.
import { formatFigure } from '../../src/util/figures.ts';
import type { LoadArgs } from '../load/load-flags.ts';
import { type LatencyName, latencyNames, type OpenLoopReport } from './report.ts';

/** Load, as a report names it. */
export interface LoadDescription extends Partial<Pick<LoadArgs, 'request-rate' | 'max-concurrency'>> {
  readonly mode: string;
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

/** Formats the section of a run. */
export function formatOpenLoop(report: OpenLoopReport, load: LoadDescription): string {
  const { mode, 'request-rate': requestRate, 'max-concurrency': maxConcurrency } = load;
  return [
    formatTitle('Serving Benchmark Result', '='),
    formatEntry('Scheduler:', mode),
    formatEntry('Successful requests:', report.completed),
    formatEntry('Failed requests:', report.failed),
    formatEntry('Rejected requests:', report.rejected),
    ...(maxConcurrency === undefined ? [] : [formatEntry('Maximum request concurrency:', maxConcurrency)]),
    ...(requestRate === undefined ? [] : [formatEntry('Request rate configured (RPS):', requestRate)]),
    formatEntry('Benchmark duration (s):', report.duration.toFixed(2)),
    formatEntry('Total input tokens:', report.inputTokens),
    formatEntry('Total generated tokens:', report.outputTokens),
    formatEntry('Request throughput (req/s):', formatFigure(report.requestThroughput, 2)),
    ...(report.hasLimits ? [formatEntry('Request goodput (req/s):', formatFigure(report.goodput, 2))] : []),
    formatEntry('Output token throughput (tok/s):', formatFigure(report.outputThroughput, 2)),
    formatEntry('Peak output token throughput (tok/s):', formatFigure(report.peakOutputThroughput, 2)),
    formatEntry('Peak concurrent requests:', report.peakConcurrency.toFixed(2)),
    formatEntry('Total token throughput (tok/s):', formatFigure(report.totalThroughput, 2)),
    ...latencyNames.flatMap((name) => formatLatency(name, report)),
    '='.repeat(WIDTH),
  ].join('\n');
}

function formatLatency(name: LatencyName, { latencies }: OpenLoopReport): string[] {
  const { mean, median, p99 } = latencies[name] ?? {};
  const row = (statistic: string, value: number | undefined) =>
    formatEntry(`${statistic} ${name.toUpperCase()} (ms):`, formatFigure(value ?? null, 2));
  return [formatTitle(TITLES[name], '-'), row('Mean', mean), row('Median', median), row('P99', p99)];
}

function formatTitle(title: string, line: string): string {
  const numLeft = Math.floor((WIDTH - title.length - 2) / 2);
  return `${line.repeat(numLeft)} ${title} `.padEnd(WIDTH, line);
}

function formatEntry(label: string, value: string | number): string {
  return `${label.padEnd(LABEL_WIDTH)} ${String(value).padEnd(10)}`;
}
