// Page of a comparison: ratios and distributions in pictures, then every number.
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { formatFigure } from '../../src/util/figures.ts';
import { clip } from '../../src/util/quote.ts';
import type { Chart } from '../charts/chart.ts';
import { distributionChart } from '../charts/distribution-chart.ts';
import { COLORS } from '../charts/palette.ts';
import type { ReportPage, Section, Table } from '../charts/report-page.ts';
import { formatDifference, showValue } from './agreement.ts';
import type { MetricComparison, ModeComparison } from './compare-modes.ts';
import type { RunComparison } from './compare-runs.ts';
import { ratioChart } from './ratio-chart.ts';
import { LATENCIES, type Latency, type ModeResult, type RunResult } from './result.ts';
import { describeIntervals, formatBounds, judgmentOf, metricName } from './text-report.ts';

const LATENCY_NAMES: Readonly<Record<Latency, string>> = {
  ttft: 'Time to the first token (TTFT)',
  tpot: 'Time per token after the first (TPOT)',
  itl: 'Gap between two tokens (ITL)',
  e2e: 'Time to the end (E2E)',
};

/** Makes the page. */
export function comparisonPage(comparison: RunComparison): ReportPage {
  const { first, second, differences, warnings, modes } = comparison;
  const settings = differences.map(formatDifference).join(', ');
  return {
    title: 'Two runs compared',
    lead: [
      `The same requests to ${first.meta.model}, twice: first ${nameOf(first)}, second ${nameOf(second)}.`,
      settings === '' ? 'All settings are the same.' : `Settings, first → second: ${settings}.`,
      ...[...modes].map(([mode, compared]) => outcomeOf(mode, compared)),
      ...warnings.map((warning) => `Beware: ${warning}.`),
    ],
    sections: [
      ...[...modes].map(([mode, compared]) => modeSection(mode, compared, comparison)),
      originSection(first, second),
    ],
  };
}

/** Says in a sentence how a scheduler does in the second run. */
function outcomeOf(mode: string, { metrics, by }: ModeComparison): string {
  const isTold = ({ metric, statistic }: MetricComparison, i: number) =>
    i === 0 || (statistic === 'p50' && (metric === 'ttft' || metric === 'itl'));
  const told = metrics.filter((metric, i) => isTold(metric, i) && metric.ratio !== null);
  const phrases = told.map((metric) => {
    const judgment = metric.verdict === null ? '' : ` (${judgmentOf(metric.verdict)})`;
    return `${formatFigure(metric.ratio, 2)} × ${metricName(metric).replace(/ \(ms\)$/, '')}${judgment}`;
  });
  const doubt = by === 'round' ? '' : ' One run of each: whether another would say the same is not known.';
  return `${mode}, second against first: ${phrases.join(', ')}.${doubt}`;
}

function modeSection(mode: string, compared: ModeComparison, { first, second }: RunComparison): Section {
  const results = [first, second].map((run) => [run, run.modes.get(mode)] as const);
  const charts = [ratioChart(mode, compared), latencyChart(mode, results)].filter((chart) => chart !== null);
  return {
    heading: mode,
    paragraphs: [`${describeIntervals(compared)}.`],
    charts,
    tables: [metricTable(compared)],
  };
}

function latencyChart(mode: string, results: readonly (readonly [RunResult, ModeResult | undefined])[]): Chart | null {
  const names = ['first', 'second'].map((place, i) => `${place}: ${nameOf(results[i]![0])}`);
  const panels = LATENCIES.map((latency) => ({
    title: LATENCY_NAMES[latency],
    samples: new Map(
      results.map(([, result], i) => {
        const complete = result?.requests.filter(({ isComplete }) => isComplete) ?? [];
        return [names[i]!, complete.flatMap(({ latencies }) => latencies[latency])];
      }),
    ),
  })).filter(({ samples }) => [...samples.values()].some(({ length }) => length > 0));
  if (panels.length === 0) return null;
  return distributionChart({
    name: `latencies-${mode}`,
    title: `Latencies of both runs: ${mode}`,
    caption:
      'To the right: milliseconds; upwards: the share of them, the requests or the gaps between tokens, that took no longer. ' +
      `Grey: ${names[0]}. Blue: ${names[1]}. The curve further left is faster; where the curves lie on each other, the runs were alike. Of more than 200 the slowest hundredth is left out.`,
    panels,
    colors: new Map([
      [names[0]!, COLORS.slate],
      [names[1]!, COLORS.blue],
    ]),
  });
}

function metricTable({ metrics }: ModeComparison): Table {
  return {
    columns: ['', 'first', 'second', 'second / first', '95 % interval', 'the second is'],
    rows: metrics.map((metric) => [
      metricName(metric),
      formatFigure(metric.first, 2),
      formatFigure(metric.second, 2),
      formatFigure(metric.ratio, 3),
      formatBounds(metric.interval),
      judgmentOf(metric.verdict),
    ]),
  };
}

/** Shows where both results are from; a row of flags that are alike is folded. */
function originSection(first: RunResult, second: RunResult): Section {
  const columns = ['', 'first', 'second'];
  const { args: _, ...meta } = first.meta;
  const { args: __, ...others } = second.meta;
  const rowsOf = (one: object, other: object) =>
    Object.keys({ ...one, ...other }).map((key) => [
      key,
      showPlain(Reflect.get(one, key)),
      showPlain(Reflect.get(other, key)),
    ]);
  const flags = rowsOf(first.args, second.args).map(([flag, ...values]) => [`--${flag}`, ...values]);
  const differing = flags.filter(([, one, other]) => !isDeepStrictEqual(one, other));
  return {
    heading: 'Where the numbers are from',
    tables: [
      { columns, rows: [['file', first.path, second.path], ...rowsOf(meta, others), ...differing] },
      { columns, rows: flags, folded: 'All flags' },
    ],
  };
}

/** Shows a value; a text without quotes. */
function showPlain(value: unknown): string {
  return typeof value === 'string' ? clip(value) : showValue(value);
}

/** Characters of a file's name in a legend. */
const MAX_NAME = 40;

function nameOf({ path }: RunResult): string {
  return clip(basename(path), MAX_NAME);
}
