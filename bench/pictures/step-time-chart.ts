// Time of a step by the number of requests in it: the reason for batches.
import { formatFigure } from '../../src/util/figures.ts';
import { median } from '../../src/util/statistics.ts';
import type { Chart } from '../charts/chart.ts';
import { CHART_WIDTH } from '../charts/config.ts';
import { COLORS } from '../charts/palette.ts';
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';
import { isDecode, promptLengths, stretchesOf } from './pictured-run.ts';
import { countRequests, formatMs } from './words.ts';

const HEIGHT = 170;
/** Fewer steps than this of a size say little. */
const MIN_STEPS = 5;

/** Median time of the steps that generate a token for a number of requests. */
export interface StepTime {
  readonly requests: number;
  readonly ms: number;
  readonly steps: number;
}

/** Lists the times of steps without prompts, by the number of their requests. */
export function stepTimes(runs: readonly OpenLoopRun[]): StepTime[] {
  const times = new Map<number, number[]>();
  for (const run of runs) {
    const lengths = promptLengths(run);
    for (const { start, end, step } of stretchesOf(run)) {
      if (!step?.rows.every((row) => isDecode(row, lengths.get(row.requestId) ?? 0))) continue;
      const { length } = step.rows;
      times.set(length, [...(times.get(length) ?? []), end - start]);
    }
  }
  return [...times]
    .filter(([, samples]) => samples.length >= MIN_STEPS)
    .map(([requests, samples]) => ({ requests, ms: median(samples) ?? 0, steps: samples.length }))
    .sort((a, b) => a.requests - b.requests);
}

/** Makes the curve; null where all steps were of one size. */
export function stepTimeChart(times: readonly StepTime[]): Chart | null {
  const [first, last] = [times[0], times.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  const more = last.requests / first.requests;
  return {
    name: 'step-time',
    title: 'Time of a step, by the number of requests in it',
    caption:
      `A step for ${countRequests(first.requests)} took ${formatMs(first.ms)}, one for ${last.requests} took ${formatMs(last.ms)} (medians): ` +
      `${formatFigure(more, more % 1 === 0 ? 0 : 1)} times the tokens in ${formatFigure(last.ms / first.ms, 1)} times the time. ` +
      'To the right: requests in the step; upwards: milliseconds. A dot is the median of the steps of one size under all ' +
      'schedulers, without those that compute a prompt; where they were few, it says little. ' +
      'A step reads all weights of the model however few requests share it, so a full batch is the cheap way to generate. The dashed line would be the ' +
      'time if each request cost as much as alone.',
    spec: {
      width: CHART_WIDTH,
      height: HEIGHT,
      encoding: {
        x: {
          field: 'requests',
          type: 'quantitative',
          title: 'requests in the step',
          axis: { tickMinStep: 1, format: 'd' },
          scale: { zero: true, nice: false, domainMax: last.requests * 1.03 },
        },
        y: { field: 'ms', type: 'quantitative', title: 'milliseconds', scale: { zero: true } },
      },
      layer: [
        {
          data: {
            values: [
              { requests: first.requests, ms: first.ms },
              { requests: last.requests, ms: first.ms * more },
            ],
          },
          mark: { type: 'line', strokeDash: [5, 4], color: COLORS.muted },
        },
        {
          data: { values: [...times] },
          mark: {
            type: 'line',
            color: COLORS.slate,
            strokeWidth: 2,
            point: { color: COLORS.slate, size: 50, filled: true },
          },
        },
      ],
    },
  };
}
