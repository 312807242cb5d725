// Distributions of several series beside each other, a panel for each quantity: the share of samples that are at most a value.
import type { Chart } from './chart.ts';
import { CHART_WIDTH } from './config.ts';
import { CURVE_MARK, curveOf, LINE_LEGEND, SHARE_AXIS } from './curve.ts';

/** Points of a curve, at most. */
const MAX_POINTS = 200;
/** Share up to which a curve of more samples is drawn: a few that took very long would press all others into a corner. */
const SHOWN = 0.99;
const COLUMNS = 2;
/** Pixels of a panel. */
const WIDTH = CHART_WIDTH / COLUMNS - 40;
const HEIGHT = 170;

/** Quantity whose samples are compared. */
export interface DistributionPanel {
  readonly title: string;
  /** In milliseconds, by series. */
  readonly samples: ReadonlyMap<string, readonly number[]>;
}

/** Words of a chart, its panels, and the colours of their series. */
export interface DistributionChart extends Omit<Chart, 'spec'> {
  readonly panels: readonly DistributionPanel[];
  readonly colors: ReadonlyMap<string, string>;
}

/** Makes the curves; a panel without samples is left out. */
export function distributionChart({ panels, colors, ...words }: DistributionChart): Chart {
  const values = panels.flatMap(({ title, samples }) =>
    [...samples].flatMap(([series, own]) =>
      curveOf(own, MAX_POINTS, SHOWN).map((point) => ({ panel: title, series, ...point })),
    ),
  );
  return {
    ...words,
    spec: {
      data: { values },
      columns: COLUMNS,
      spacing: 30,
      facet: {
        field: 'panel',
        title: null,
        sort: panels.map(({ title }) => title),
        header: { labelAnchor: 'start', labelPadding: 4 },
      },
      resolve: { scale: { x: 'independent' } },
      spec: {
        width: WIDTH,
        height: HEIGHT,
        mark: CURVE_MARK,
        encoding: {
          x: {
            field: 'time',
            type: 'quantitative',
            title: 'milliseconds',
            scale: { nice: false },
            axis: { tickCount: 5 },
          },
          y: SHARE_AXIS,
          color: {
            field: 'series',
            type: 'nominal',
            title: null,
            scale: { domain: [...colors.keys()], range: [...colors.values()] },
            legend: LINE_LEGEND,
          },
        },
      },
    },
  };
}
