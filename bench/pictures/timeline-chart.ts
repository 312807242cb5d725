// Timeline of every request under each scheduler, on one scale of time: a bar a request, the first on top.
import type { Chart } from '../charts/chart.ts';
import { CHART_WIDTH } from '../charts/config.ts';
import { COLORS } from '../charts/palette.ts';
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';
import { type BarKind, requestBars } from './request-bars.ts';
import { PANEL_SPACING, panelRows, secondsAxis } from './run-panels.ts';
import { SCHEDULER_WORDS } from './scheduler-words.ts';

/** Most requests that are shown. */
const MAX_BARS = 64;
/** Pixels of a bar with the gap after it, and of a panel. */
const BAR_HEIGHT = { least: 4, most: 12 };
const PANEL_HEIGHT = 190;
/** Share of a row that its bar fills. */
const FILLED = 0.8;
const MS_PER_S = 1000;

const KINDS: readonly { readonly kind: BarKind; readonly color: string }[] = [
  { kind: 'waits', color: COLORS.pale },
  { kind: 'computes its prompt', color: COLORS.orange },
  { kind: 'generates', color: COLORS.blue },
  { kind: 'preempted', color: COLORS.pink },
];

/** Makes the timeline. @param runs of the same requests. */
export function timelineChart(runs: readonly OpenLoopRun[]): Chart {
  const total = Math.max(...runs.map(({ start, end }) => end - start));
  const least = total / CHART_WIDTH;
  const numRequests = Math.max(...runs.map(({ outcomes }) => outcomes.length));
  const stride = Math.ceil(numRequests / MAX_BARS);
  const numRows = Math.ceil(numRequests / stride);
  const bars = runs.flatMap((run) =>
    run.outcomes.flatMap(({ response }, index) =>
      index % stride > 0
        ? []
        : requestBars(response?.timeline ?? [], least).map(({ kind, start, end }) => ({
            panel: panelOf(run),
            kind,
            from: (start - run.start) / MS_PER_S,
            to: (end - run.start) / MS_PER_S,
            top: index / stride - FILLED / 2,
            bottom: index / stride + FILLED / 2,
          })),
    ),
  );
  const shown = KINDS.filter(({ kind }) => bars.some((bar) => bar.kind === kind));
  const height = numRows * Math.min(BAR_HEIGHT.most, Math.max(BAR_HEIGHT.least, Math.floor(PANEL_HEIGHT / numRows)));
  return {
    name: 'timeline',
    title: 'Each request, from arrival to end',
    caption: captionOf(
      runs,
      stride,
      shown.some(({ kind }) => kind === 'preempted'),
    ),
    spec: {
      data: { values: bars },
      facet: panelRows(runs.map(panelOf)),
      spacing: PANEL_SPACING,
      spec: {
        width: CHART_WIDTH,
        height,
        mark: { type: 'rect', aria: false },
        encoding: {
          x: secondsAxis('from', total),
          x2: { field: 'to' },
          y: {
            field: 'top',
            type: 'quantitative',
            title: stride === 1 ? 'request' : `request ÷ ${stride}`,
            scale: { domain: [-0.5, numRows - 0.5], nice: false, zero: false, reverse: true },
            axis: { grid: false, tickMinStep: 1, tickCount: 4, format: 'd' },
          },
          y2: { field: 'bottom' },
          color: {
            field: 'kind',
            type: 'nominal',
            title: null,
            scale: { domain: shown.map(({ kind }) => kind), range: shown.map(({ color }) => color) },
          },
        },
      },
    },
  };
}

function panelOf({ mode, start, end }: OpenLoopRun): string {
  return `${mode} (${((end - start) / MS_PER_S).toFixed(2)} s): ${SCHEDULER_WORDS[mode].motto}`;
}

const MODE_CAPTIONS = {
  naive: 'Under naive one bar is blue at a time: every other request waits for it.',
  offline:
    'Under offline requests start together, in batches. Those that end early leave empty space on their right until the longest of the ' +
    'batch has ended: the grey bars below could have begun there.',
  online:
    'Under online a grey bar turns orange as soon as another bar ends, so no such gaps are left until the last requests.',
};

function captionOf(runs: readonly OpenLoopRun[], stride: number, hasPreemptions: boolean): string {
  return [
    'A panel is a scheduler, with the time that it took for all. A line is a request, from the first on top to the last, numbered from 0 on the left; to the right: ' +
      'seconds from the start, on the same scale in every panel. Grey: the request waits, and after its first step for the next one. Orange: the model computes its prompt. Blue: it generates one token ' +
      'after another. Empty: the request has not arrived, or has ended; a line that is empty throughout was refused.',
    ...(hasPreemptions ? ['Pink: preempted, it had to give its memory to others and waits to go on.'] : []),
    ...runs.map(({ mode }) => MODE_CAPTIONS[mode]),
    ...(stride === 1
      ? []
      : [`One of ${stride} requests is shown. The line of a request is its number, as request ÷ ${stride}.`]),
  ].join(' ');
}
