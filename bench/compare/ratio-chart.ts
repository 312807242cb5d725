// Ratios of two runs with their intervals, a row for each figure: left and right of 1 at a glance.
import type { Chart } from '../charts/chart.ts';
import { CHART_WIDTH } from '../charts/config.ts';
import { COLORS } from '../charts/palette.ts';
import { type MetricComparison, MIN_ROUNDS, type ModeComparison } from './compare-modes.ts';
import { metricName } from './text-report.ts';

/** Pixels of a row. */
const ROW = 18;
/** Names of the rows take their part of the width. */
const WIDTH = CHART_WIDTH - 110;

const JUDGMENTS = [
  { verdict: 'faster', label: 'the second is faster', color: COLORS.teal },
  { verdict: 'slower', label: 'the second is slower', color: COLORS.orange },
  { verdict: 'same', label: 'not told apart', color: COLORS.slate },
  { verdict: null, label: 'not judged', color: COLORS.blue },
] as const;

/** Makes the chart of a scheduler; null where no figure has a ratio that a logarithmic scale has a place for. */
export function ratioChart(mode: string, { metrics, by, rounds, paired }: ModeComparison): Chart | null {
  const rows = metrics.flatMap(toRow);
  if (rows.length === 0) return null;
  const used = JUDGMENTS.filter(({ label }) => rows.some((row) => row.judgment === label));
  const unit =
    by === 'round'
      ? `The bar holds the ratio with 95 %, by the scatter of ${rounds} rounds: one that does not touch 1 is more than chance.`
      : `The bar says how far the ratio hangs on which of the ${paired} requests there are, in these two runs alone. ` +
        `One run of each tells nothing of how far the next will be off, so nothing is judged: ${MIN_ROUNDS} rounds each would tell.`;
  const y = { field: 'name', type: 'nominal' as const, title: null, sort: null, axis: { labelLimit: 0 } };
  const color = {
    field: 'judgment',
    type: 'nominal' as const,
    title: null,
    scale: { domain: used.map(({ label }) => label), range: used.map((one) => one.color) },
  };
  const scale = { type: 'log' as const, domain: domainOf(rows), nice: false };
  const x = {
    type: 'quantitative' as const,
    title: 'second / first',
    scale,
    axis: { format: '~g', labelOverlap: 'greedy' as const, labelSeparation: 5, tickCount: 8 },
  };
  return {
    name: `ratios-${mode}`,
    title: `Each figure of the second run, as a multiple of the first: ${mode}`,
    caption: `A dot is second / first, on a logarithmic scale: at the line, 1, both are equal. Of rates (tokens/s, requests/s) right of 1 is better, of times (ms) left. ${unit} A point without a bar has no interval. Colours: ${used.map(({ label }) => label).join(', ')}.`,
    spec: {
      width: WIDTH,
      height: { step: ROW },
      data: { values: rows },
      layer: [
        { mark: { type: 'rule', strokeWidth: 1.5, aria: false }, encoding: { x: { datum: 1, ...x } } },
        {
          mark: { type: 'rule', strokeWidth: 4, strokeCap: 'round', opacity: 0.5, aria: false },
          encoding: { y, x: { field: 'low', ...x }, x2: { field: 'high' }, color },
        },
        {
          mark: { type: 'point', filled: true, size: 70, opacity: 1, aria: false },
          encoding: { y, x: { field: 'ratio', ...x }, color },
        },
      ],
    },
  };
}

function toRow(metric: MetricComparison) {
  const { ratio, interval, verdict } = metric;
  if (ratio === null || !(ratio > 0)) return [];
  const { low = ratio, high = ratio } = interval ?? {};
  const { label } = JUDGMENTS.find((one) => one.verdict === verdict) ?? JUDGMENTS[3];
  return [{ name: metricName(metric), ratio, low, high, judgment: label }];
}

/** Room beside the outermost bars. */
const MARGIN = 1.05;

function domainOf(rows: readonly { readonly low: number; readonly high: number }[]): [number, number] {
  const least = Math.min(1, ...rows.map(({ low }) => low).filter((low) => low > 0));
  const most = Math.max(1, ...rows.map(({ high }) => high));
  return [least / MARGIN, most * MARGIN];
}
