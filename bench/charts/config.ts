// Looks that all charts share: fonts, sizes and colours of axes and legends.
import type { Config } from 'vega-lite';
import { COLORS, SERIES_COLORS } from './palette.ts';

const FONT = 'system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif';

/** Pixels between the left and the right of what a chart draws, without its axis: a page shows it at this size or smaller. */
export const CHART_WIDTH = 760;

/** Defaults of every chart, in words of vega-lite. */
export const chartConfig: Config = {
  font: FONT,
  padding: 8,
  view: { stroke: null },
  axis: {
    labelColor: COLORS.muted,
    titleColor: COLORS.ink,
    titleFontWeight: 'normal',
    domainColor: COLORS.muted,
    tickColor: COLORS.muted,
    gridColor: COLORS.grid,
    labelFontSize: 12,
    titleFontSize: 12,
    titlePadding: 8,
    labelFlush: false,
  },
  axisX: { tickCount: 10, labelPadding: 6 },
  legend: {
    labelColor: COLORS.ink,
    titleColor: COLORS.ink,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'normal',
    orient: 'top',
    symbolSize: 120,
    symbolType: 'square',
    labelLimit: 0,
  },
  header: {
    labelColor: COLORS.ink,
    titleColor: COLORS.ink,
    labelFontSize: 13,
    labelFontWeight: 'bold',
    labelLimit: 0,
  },
  title: {
    color: COLORS.ink,
    subtitleColor: COLORS.muted,
    fontSize: 13,
    subtitleFontSize: 12,
    anchor: 'start',
    frame: 'group',
    offset: 6,
  },
  text: { color: COLORS.ink, fontSize: 12 },
  rule: { color: COLORS.muted },
  range: { category: [...SERIES_COLORS] },
};
