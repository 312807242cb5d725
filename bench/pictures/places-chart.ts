// Size of the batch over time under each scheduler, and the places in it that stayed empty while a request waited.
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import type { Chart } from '../charts/chart.ts';
import { CHART_WIDTH } from '../charts/config.ts';
import { COLORS } from '../charts/palette.ts';
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';
import { averageUse, type PlaceUse, placeShares, placeStretches } from './place-time.ts';
import { PANEL_SPACING, panelRows, secondsAxis } from './run-panels.ts';
import { formatShare } from './words.ts';

/** Pixels over which the picture averages. */
const PART = 2;
const HEIGHT = 110;
const MS_PER_S = 1000;

/** Uses of a place, from the bottom of the picture up. */
const USES: readonly { readonly use: keyof PlaceUse; readonly label: string; readonly color: string }[] = [
  { use: 'decode', label: 'generates', color: COLORS.blue },
  { use: 'prefill', label: 'computes its prompt', color: COLORS.orange },
  { use: 'missed', label: 'empty, though a request waits', color: COLORS.waste },
];

/** Place of the waste under each scheduler. */
const WASTES: Readonly<Record<SchedulerName, string>> = {
  naive: ' Naive fills one place, so its waste is all the others.',
  offline:
    ' Offline wastes places in stairs, each time short requests of a batch have ended and its longest still runs.',
  online: ' Online fills an empty place within a step or two.',
};

/** Makes the picture of places. @param numPlaces requests that a step has places for. */
export function placesChart(runs: readonly OpenLoopRun[], numPlaces: number): Chart {
  const total = Math.max(...runs.map(({ start, end }) => end - start));
  const top = Math.min(numPlaces, Math.max(...runs.map(({ outcomes }) => outcomes.length)));
  const width = (total * PART) / CHART_WIDTH;
  const panelOf = (run: OpenLoopRun) =>
    `${run.mode}: ${formatShare(placeShares(run, numPlaces)?.used ?? null)} of the places' time used, ` +
    `${formatShare(placeShares(run, numPlaces)?.missed ?? null)} empty though a request waited`;
  const values = runs.flatMap((run) => {
    const parts = averageUse(placeStretches(run, numPlaces), width);
    return parts.flatMap((part, index) => {
      // The last part is drawn up to its end.
      const times = index === parts.length - 1 ? [part.start, part.end] : [part.start];
      return times.flatMap((time) =>
        layersOf(part).map((layer) => ({ panel: panelOf(run), time: time / MS_PER_S, ...layer })),
      );
    });
  });
  return {
    name: 'batch-size',
    title: `Requests in each step, of ${numPlaces} places`,
    caption:
      `A panel is a scheduler. A step of the model computes the next token of every request in it, here of ${numPlaces} at most. Upwards: requests, each in a place; ` +
      'to the right: seconds from the start. Blue: a request in its place generates. Orange: it computes its prompt. Red: the place is empty, ' +
      `though a request waits, which is the waste. Unfilled: the place is empty and no request waits, as at the end of a run, or no step runs, as the machine is busy ` +
      `with something else.${runs.map(({ mode }) => WASTES[mode]).join('')}`,
    spec: {
      data: { values },
      facet: panelRows(runs.map(panelOf)),
      spacing: PANEL_SPACING,
      spec: {
        width: CHART_WIDTH,
        height: HEIGHT,
        mark: { type: 'area', interpolate: 'step-after', aria: false },
        encoding: {
          x: secondsAxis('time', total),
          y: {
            field: 'low',
            type: 'quantitative',
            title: 'requests',
            scale: { domain: [0, top], nice: false },
            axis: { tickMinStep: 1, tickCount: 4, format: 'd' },
          },
          y2: { field: 'high' },
          color: {
            field: 'label',
            type: 'nominal',
            title: null,
            scale: { domain: USES.map(({ label }) => label), range: USES.map(({ color }) => color) },
          },
        },
      },
    },
  };
}

/** Stacks the uses of a part of time. */
function layersOf(use: PlaceUse): { readonly label: string; readonly low: number; readonly high: number }[] {
  let low = 0;
  return USES.map(({ use: name, label }) => {
    const high = low + use[name];
    const layer = { label, low: rounded(low), high: rounded(high) };
    low = high;
    return layer;
  });
}

/** Keeps the file small: a hundredth of a place is no pixel. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
