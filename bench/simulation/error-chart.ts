// Error of simulated latencies along their distributions: a percentile of the simulated ones beside the same of the measured ones.
import { mapFigure, ratio } from '../../src/util/figures.ts';
import { ascending, percentile, present } from '../../src/util/statistics.ts';
import type { Chart } from '../charts/chart.ts';
import { CHART_WIDTH } from '../charts/config.ts';
import type { DistributionPanel } from '../charts/distribution-chart.ts';
import { COLORS, SERIES_COLORS } from '../charts/palette.ts';

const HEIGHT = 220;
/** Percentiles that are compared: the outermost ones are single requests. */
const PERCENTILES = Array.from({ length: 95 }, (_, i) => i + 5);

/** Percentile from which on errors set the range of the chart: below it lie the shortest times, of which little is much. */
const ORDINARY = 25;
/** Range of a simulation without errors. */
const LEAST_RANGE = 0.05;

/** Finds the error at each percentile, as a share of the measured value; none where either has no samples. */
export function errorsOf(
  measured: readonly number[],
  simulated: readonly number[],
): { readonly percentile: number; readonly error: number }[] {
  if (measured.length === 0 || simulated.length === 0) return [];
  const [want, got] = [ascending(measured), ascending(simulated)];
  return PERCENTILES.flatMap((place) => {
    const times = ratio(percentile(got, place / 100), percentile(want, place / 100));
    return present([mapFigure(times, (value) => value - 1)]).map((error) => ({ percentile: place, error }));
  });
}

/** Makes the chart of panels with measured and simulated samples; null where none has both. */
export function errorChart(
  panels: readonly DistributionPanel[],
  [measured, simulated]: readonly [string, string],
): Chart | null {
  const values = panels.flatMap(({ title, samples }) =>
    errorsOf(samples.get(measured) ?? [], samples.get(simulated) ?? []).map((point) => ({ latency: title, ...point })),
  );
  if (values.length === 0) return null;
  const ordinary = values.filter((point) => point.percentile >= ORDINARY).map(({ error }) => Math.abs(error));
  const most = 1.1 * Math.max(LEAST_RANGE, ...ordinary);
  const names = panels.map(({ title }) => title);
  return {
    name: 'errors',
    title: 'How far the simulated latencies are off',
    caption:
      'To the right: percentile; upwards: simulated / measured − 1, so 0 % is right. A line is a latency: ' +
      `${names.join(', ')}. ` +
      'Half of the requests (or gaps between tokens) took less than the time at 50, nearly all less than the one at 99. The curve says by how much the simulated time ' +
      'there is longer (above 0 %) or shorter than the measured one. A curve at the edge goes beyond it.',
    spec: {
      width: CHART_WIDTH,
      height: HEIGHT,
      layer: [
        {
          mark: { type: 'rule', color: COLORS.muted, strokeWidth: 1.5, aria: false },
          encoding: { y: { datum: 0, type: 'quantitative' } },
        },
        {
          data: { values },
          mark: { type: 'line', strokeWidth: 2, aria: false },
          encoding: {
            x: {
              field: 'percentile',
              type: 'quantitative',
              title: 'percentile',
              scale: { domain: [5, 99], nice: false },
            },
            y: {
              field: 'error',
              type: 'quantitative',
              title: 'simulated / measured − 1',
              axis: { format: '+.0%', tickCount: 6 },
              scale: { domain: [-Math.min(1, most), most], nice: false, clamp: true },
            },
            color: {
              field: 'latency',
              type: 'nominal',
              title: null,
              scale: { domain: names, range: names.map((_, i) => SERIES_COLORS[i % SERIES_COLORS.length]!) },
              legend: { symbolType: 'stroke', symbolStrokeWidth: 3, columns: 2 },
            },
          },
        },
      ],
    },
  };
}
