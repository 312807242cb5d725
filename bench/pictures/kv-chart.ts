// Fill of the KV pool over time under each scheduler.
import { formatPercent } from '../../src/util/figures.ts';
import type { Chart } from '../charts/chart.ts';
import { CHART_WIDTH } from '../charts/config.ts';
import { LINE_LEGEND } from '../charts/curve.ts';
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';
import { secondsAxis } from './run-panels.ts';
import { describeSchedulers, schedulerScale } from './scheduler-words.ts';

const HEIGHT = 160;
/** Pixels of which one point stands for all. */
const PART = 2;
const MS_PER_S = 1000;

/** Size of the KV pool. */
export interface PoolSize {
  readonly numBlocks: number;
  /** Tokens of a block. */
  readonly blockSize: number;
}

/** Finds the most blocks that requests had at a time. */
export function peakBlocks({ steps }: OpenLoopRun): number {
  return Math.max(0, ...steps.map(({ numUsedBlocks }) => numUsedBlocks));
}

/** Makes the curves. */
export function kvChart(runs: readonly OpenLoopRun[], { numBlocks, blockSize }: PoolSize): Chart {
  const total = Math.max(...runs.map(({ start, end }) => end - start));
  const peak = Math.max(...runs.map(peakBlocks));
  const values = runs.flatMap((run) =>
    fillOf(run, (total * PART) / CHART_WIDTH).map(({ time, blocks }) => ({
      mode: run.mode,
      time: time / MS_PER_S,
      blocks,
    })),
  );
  return {
    name: 'kv-pool',
    title: 'Memory for keys and values in use',
    caption:
      `What the model keeps of the tokens it has seen, in blocks of ${blockSize} tokens; the pool has ${numBlocks}, of which ${peak} (${formatPercent(peak / numBlocks, 0)}) were in use at ` +
      'the most. To the right: seconds from the start; upwards: blocks in use. A line rises while requests grow and falls when they end. ' +
      describeSchedulers(runs.map(({ mode }) => mode)),
    spec: {
      width: CHART_WIDTH,
      height: HEIGHT,
      data: { values },
      mark: { type: 'line', interpolate: 'step-after', strokeWidth: 1.5, aria: false },
      encoding: {
        x: secondsAxis('time', total),
        y: {
          field: 'blocks',
          type: 'quantitative',
          title: 'blocks',
          axis: { tickMinStep: 1, tickCount: 5, format: 'd' },
        },
        color: {
          field: 'mode',
          type: 'nominal',
          title: null,
          scale: schedulerScale(runs.map(({ mode }) => mode)),
          legend: LINE_LEGEND,
        },
      },
    },
  };
}

/** Lists the fill over time, the largest of each part of `width` milliseconds, from nothing to nothing. */
function fillOf(
  { start, end, steps }: OpenLoopRun,
  width: number,
): { readonly time: number; readonly blocks: number }[] {
  const points: { time: number; blocks: number }[] = [{ time: 0, blocks: 0 }];
  for (const { finished, numUsedBlocks } of steps) {
    const last = points.at(-1)!;
    const time = finished - start;
    if (Math.floor(time / width) === Math.floor(last.time / width)) last.blocks = Math.max(last.blocks, numUsedBlocks);
    else points.push({ time, blocks: numUsedBlocks });
  }
  return [...points, { time: end - start, blocks: 0 }];
}
