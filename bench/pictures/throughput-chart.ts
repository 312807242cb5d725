// Throughput of each scheduler: a bar with its number.
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import { formatFigure, ratio } from '../../src/util/figures.ts';
import type { Chart } from '../charts/chart.ts';
import type { OpenLoopReport } from '../open-loop/report.ts';
import { describeSchedulers, schedulerScale } from './scheduler-words.ts';

const WIDTH = 620;
const BAR_HEIGHT = 30;

function captionOf(reports: ReadonlyMap<SchedulerName, OpenLoopReport>): string {
  const [modes, speeds] = [[...reports.keys()], [...reports.values()].map(({ outputThroughput }) => outputThroughput)];
  return [
    'A bar is a scheduler, and its length the generated tokens per second, from the first arrival to the last token: longer is better.',
    describeSchedulers(modes),
    ...(modes.length > 1 ? ['All ran the same requests on the same machine.'] : []),
    ...(modes.length > 1 && modes.includes('naive') ? ['“2 × naive” is twice the speed of naive.'] : []),
    ...(speeds.some((speed) => speed === null || speed === 0) ? ['Without a bar: no request came to its end.'] : []),
  ].join(' ');
}

/** Makes the bars. */
export function throughputChart(reports: ReadonlyMap<SchedulerName, OpenLoopReport>): Chart {
  const modes = [...reports.keys()];
  const naive = reports.get('naive')?.outputThroughput ?? null;
  const values = [...reports].map(([mode, { outputThroughput: speed }]) => {
    const gain = ratio(speed, naive);
    const times = gain === null || modes.length < 2 ? '' : `, ${formatFigure(gain, 2)} × naive`;
    return { mode, speed: speed ?? 0, label: `${formatFigure(speed, 1)}${times}` };
  });
  const most = Math.max(...values.map(({ speed }) => speed));
  const y = {
    field: 'mode',
    type: 'nominal',
    sort: [...modes],
    title: null,
    axis: { labelFontSize: 13, ticks: false },
  } as const;
  return {
    name: 'throughput',
    title: 'Tokens generated in a second',
    caption: captionOf(reports),
    spec: {
      width: WIDTH,
      height: { step: BAR_HEIGHT },
      data: { values },
      layer: [
        {
          mark: { type: 'bar', height: { band: 0.72 } },
          encoding: { color: { field: 'mode', type: 'nominal', legend: null, scale: schedulerScale(modes) } },
        },
        { mark: { type: 'text', align: 'left', dx: 6, fontSize: 13 }, encoding: { text: { field: 'label' } } },
      ],
      encoding: {
        y,
        x: {
          field: 'speed',
          type: 'quantitative',
          title: 'generated tokens per second',
          // Room for the number beside the longest bar.
          scale: { domain: [0, most > 0 ? most * 1.25 : 1], nice: false },
        },
      },
    },
  };
}
