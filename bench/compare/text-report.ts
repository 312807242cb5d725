// Text of a comparison of two runs: a table for each scheduler.
import type { SpeedVerdict } from '../../src/timing/compare.ts';
import { formatFigure, NO_FIGURE } from '../../src/util/figures.ts';
import { formatRow } from '../report/table.ts';
import { formatDifference } from './agreement.ts';
import type { RatioBounds } from './bootstrap.ts';
import { type MetricComparison, MIN_ROUNDS, type ModeComparison } from './compare-modes.ts';
import type { RunComparison } from './compare-runs.ts';
import type { RunResult } from './result.ts';

/** Names of rates, with their units. */
const RATE_NAMES: ReadonlyMap<string, string> = new Map([
  ['throughput_completion', 'completion tokens/s'],
  ['throughput_total', 'all tokens/s'],
  ['decode_tokens_per_s', 'decode tokens/s'],
  ['request_throughput', 'requests/s'],
  ['request_goodput', 'good requests/s'],
  ['output_throughput', 'output tokens/s'],
  ['total_token_throughput', 'all tokens/s'],
]);

const WIDTHS = [20, -11, -11, -9, 17, 0] as const;
const HEAD = formatRow(['', 'first', 'second', 'ratio', '  95 % interval', 'the second is'], WIDTHS);

/** Formats a comparison. */
export function formatRuns({ first, second, differences, modes }: RunComparison): string {
  const settings = differences.map(formatDifference).join(', ');
  return [
    `first:  ${describe(first)}`,
    `second: ${describe(second)}`,
    ...(settings === '' ? [] : [`settings: ${settings}`]),
    ...[...modes].flatMap(([mode, comparison]) => ['', ...formatMode(mode, comparison)]),
  ].join('\n');
}

/** Describes where a result is from. */
function describe({ path, meta }: RunResult): string {
  const { model, dtype, date, commit, adapter } = meta;
  const known = [`${model} (${dtype})`, adapter, date, typeof commit === 'string' ? commit.slice(0, 8) : null];
  return [path, ...known.filter((part) => typeof part === 'string')].join(' · ');
}

function formatMode(mode: string, comparison: ModeComparison): string[] {
  return [`=== ${mode} ===`, HEAD, ...comparison.metrics.map(formatMetric), describeIntervals(comparison)];
}

/** Says of what the intervals of a mode are. */
export function describeIntervals({ by, rounds, paired, equal, metrics }: ModeComparison): string {
  const same = `same ids or lengths: ${paired === 0 ? NO_FIGURE : `${equal}/${paired}`}`;
  if (by === 'round') return `${same}; intervals by round, of ${rounds} or more each`;
  const isBare = metrics.every(({ interval }) => interval === null);
  const of = isBare ? 'no intervals, for too few requests' : `intervals by request, of ${paired}, in these two runs`;
  return `${same}; ${of}: how far other runs are off, rounds tell (--repeat ${MIN_ROUNDS})`;
}

const JUDGMENTS: Readonly<Record<SpeedVerdict, string>> = {
  faster: 'faster',
  slower: 'slower',
  same: 'not told apart',
};

/** Puts a verdict in words: an interval with 1 in it says that nothing is known, not that the runs are alike. */
export function judgmentOf(verdict: SpeedVerdict | null): string {
  return verdict === null ? NO_FIGURE : JUDGMENTS[verdict];
}

/** Names a figure, with its unit. */
export function metricName({ metric, statistic }: MetricComparison): string {
  return statistic === 'rate' ? (RATE_NAMES.get(metric) ?? metric) : `${metric.toUpperCase()} ${statistic} (ms)`;
}

function formatMetric(row: MetricComparison): string {
  const figures = [row.first, row.second].map((figure) => formatFigure(figure, 2));
  const interval = `  ${formatBounds(row.interval)}`;
  return formatRow(
    [metricName(row), ...figures, formatFigure(row.ratio, 3), interval, judgmentOf(row.verdict)],
    WIDTHS,
  );
}

/** Formats the bounds of a ratio. */
export function formatBounds(bounds: RatioBounds): string {
  return bounds === null ? NO_FIGURE : `${formatFigure(bounds.low, 3)} to ${formatFigure(bounds.high, 3)}`;
}
