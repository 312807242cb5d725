// Distributions of latencies under each scheduler: the share of samples that came within a time.
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import { median, present } from '../../src/util/statistics.ts';
import type { Chart } from '../charts/chart.ts';
import { CHART_WIDTH } from '../charts/config.ts';
import { CURVE_MARK, curveOf, LINE_LEGEND, SHARE_AXIS } from '../charts/curve.ts';
import type { OpenLoopReport } from '../open-loop/report.ts';
import { describeSchedulers, schedulerScale } from './scheduler-words.ts';

const HEIGHT = 190;
/** Points of a curve, at most. */
const MAX_POINTS = 250;

type Reports = ReadonlyMap<SchedulerName, OpenLoopReport>;

/** Makes the distributions of the time to the first token and of the time between tokens; one without samples is left out. */
export function latencyCharts(reports: Reports): Chart[] {
  const ttft = samplesOf(reports, ({ requests }) => present(completed(requests).map((request) => request.ttft)));
  const itl = samplesOf(reports, ({ requests }) => completed(requests).flatMap(({ itls }) => itls));
  return [
    {
      name: 'first-token',
      title: 'Time to the first token (TTFT)',
      caption:
        'How long a reader waits until the answer begins. To the right: seconds from arrival; upwards: the share of them, the requests, that had their first token ' +
        'by then. Further left is better. It is the time in the queue and that of the prompt.',
      samples: ttft,
      unit: 's',
    },
    {
      name: 'between-tokens',
      title: 'Time between tokens of a request (ITL)',
      caption:
        'How fast an answer goes on once it has begun. To the right: milliseconds, on a logarithmic scale; upwards: the share of them, the waits from one token ' +
        'to the next, that were no longer. Further left is better; the left edge stands for all shorter waits, too. A step for many requests takes longer than a step for one, so a request that has the machine to itself is the ' +
        'fastest here. Steps that also compute the prompt of a newcomer make the slow end.',
      samples: itl,
      unit: 'ms',
    },
  ].flatMap(({ samples, ...words }) => (samples.size === 0 ? [] : [distribution(samples, words)]));
}

function completed(requests: OpenLoopReport['requests']): OpenLoopReport['requests'] {
  return requests.filter(({ status }) => status === 'completed');
}

type Samples = ReadonlyMap<SchedulerName, readonly number[]>;

function samplesOf(reports: Reports, pick: (report: OpenLoopReport) => readonly number[]): Samples {
  const samples = [...reports].map(([mode, report]) => [mode, pick(report)] as const);
  return new Map(samples.filter(([, values]) => values.length > 0));
}

/** Part of the median below which times are no longer told apart: tokens of steps that were read together. */
const SHORTEST = 1 / 5;

/** Finds the left edge of a logarithmic scale. */
function leastShown(times: readonly number[]): number {
  return Math.max((median(times) ?? 0) * SHORTEST, Number.MIN_VALUE);
}

interface Words extends Pick<Chart, 'name' | 'title' | 'caption'> {
  readonly unit: string;
}

function distribution(samples: Samples, { unit, ...words }: Words): Chart {
  const modes = [...samples.keys()];
  const isLog = unit === 'ms';
  const divisor = isLog ? 1 : 1000;
  const least = isLog ? leastShown([...samples.values()].flat()) : 0;
  const values = [...samples].flatMap(([mode, times]) =>
    curveOf(times, MAX_POINTS).map(({ time, share }) => ({ mode, time: Math.max(time, least) / divisor, share })),
  );
  const x = isLog
    ? { scale: { type: 'log' as const, nice: false }, axis: { format: '~g', labelOverlap: true } }
    : { scale: { zero: true, nice: false }, axis: {} };
  return {
    ...words,
    caption: `${words.caption} ${describeSchedulers(modes)}`,
    spec: {
      width: CHART_WIDTH,
      height: HEIGHT,
      data: { values },
      mark: CURVE_MARK,
      encoding: {
        x: { field: 'time', type: 'quantitative', title: isLog ? 'milliseconds' : 'seconds from arrival', ...x },
        y: SHARE_AXIS,
        color: {
          field: 'mode',
          type: 'nominal',
          title: null,
          scale: schedulerScale(modes),
          legend: LINE_LEGEND,
        },
      },
    },
  };
}
