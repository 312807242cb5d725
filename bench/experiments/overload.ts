// Experiment: under twice the load that the engine can take, admission control keeps goodput at the level of capacity.

import { formatFigure, ratio } from '../../src/util/figures.ts';
import { present } from '../../src/util/statistics.ts';
import { BenchmarkError, throwIfFailed } from '../common/completion.ts';
import { drawArrivals } from '../load/arrivals.ts';
import type { EngineSettings } from '../load/engine-settings.ts';
import type { GoodputLimits } from '../load/goodput.ts';
import { RandomStream } from '../load/random-stream.ts';
import type { TimedRequest } from '../load/requests.ts';
import { type OpenLoopReport, reportOpenLoop } from '../open-loop/report.ts';
import { runOpenLoop } from '../open-loop/run-open-loop.ts';
import { type Experiment, type ExperimentContext, randomRequest } from './experiment.ts';

const BATCH_SIZE = 8;
const NUM_REQUESTS = 96;
/** Requests that measure the capacity, all at the start. */
const NUM_SATURATING = 40;
/** Tokens of a prompt and of a completion: uniform between the bounds. */
const INPUT = { min: 16, max: 64 } as const;
const OUTPUT = { min: 12, max: 36 } as const;
const SEED = 1;

/** Limit of the TTFT of a good request, in times that the saturated engine takes for a whole batch. */
const TTFT_BATCHES = 1;
/** Limit of the TPOT of a good request, in medians of the saturated engine. */
const TPOT_FACTOR = 2;
/** Admission control: half as many requests may wait as the saturated engine completes within the limit of the TTFT. */
const CONTROLLED: EngineSettings = { prefixCache: false, maxQueuedRequests: BATCH_SIZE / 2 };
const UNCONTROLLED: EngineSettings = { prefixCache: false };
/** Most that goodput under overload without admission control may be of that with it. */
const MEASURABLY = 0.8;

/** Measures goodput at capacity and at twice the capacity, with and without admission control. */
export const overload: Experiment = {
  name: 'overload',
  maxBatchSize: BATCH_SIZE,
  run: async (context) => {
    const offer = async (
      label: string,
      rate: number | 'inf',
      count: number,
      settings: EngineSettings,
      limits?: GoodputLimits,
    ) => {
      context.onProgress(label);
      const run = await runRequests(context, drawRequests(context, rate, count), settings);
      throwIfFailed(present(run.outcomes.map(({ response }) => response)));
      return reportOpenLoop(run, limits);
    };
    await offer('warm-up', 'inf', BATCH_SIZE, UNCONTROLLED);
    const saturated = await offer('capacity', 'inf', NUM_SATURATING, UNCONTROLLED);
    const { requestThroughput: capacity, latencies } = saturated;
    if (capacity === null || latencies.tpot === null) {
      throw new BenchmarkError('the saturated engine has no throughput, expected one to set rates and limits by');
    }
    const limits = {
      ttft: (1000 * TTFT_BATCHES * BATCH_SIZE) / capacity,
      tpot: TPOT_FACTOR * latencies.tpot.median,
    };
    const atCapacity = await offer('at capacity', capacity, NUM_REQUESTS, CONTROLLED, limits);
    const controlled = await offer('overload', 2 * capacity, NUM_REQUESTS, CONTROLLED, limits);
    const uncontrolled = await offer('overload without control', 2 * capacity, NUM_REQUESTS, UNCONTROLLED, limits);
    const describe = (name: string, report: OpenLoopReport) =>
      `${name}: goodput ${formatFigure(report.goodput, 2, '/s')}, ${report.completed} completed, ${report.rejected} rejected, ` +
      `TTFT median ${formatTtft(report, 'median')}, p99 ${formatTtft(report, 'p99')}`;
    return [
      {
        title: 'goodput at twice the capacity against that at capacity, with admission control',
        details: [
          `capacity ${capacity.toFixed(2)} requests/s; good: TTFT ≤ ${limits.ttft.toFixed(0)} ms, TPOT ≤ ${limits.tpot.toFixed(1)} ms`,
          describe('at capacity', atCapacity),
          describe('overload', controlled),
        ],
        ratio: ratio(controlled.goodput, atCapacity.goodput),
        bound: { atLeast: 0.9 },
      },
      {
        title: 'goodput at twice the capacity, without against with admission control',
        details: [describe('without', uncontrolled)],
        ratio: ratio(uncontrolled.goodput, controlled.goodput),
        bound: { atMost: MEASURABLY },
      },
    ];
  },
};

function formatTtft({ latencies }: OpenLoopReport, statistic: 'median' | 'p99'): string {
  return formatFigure(latencies.ttft?.[statistic] ?? null, 0, ' ms');
}

function drawRequests({ model }: ExperimentContext, rate: number | 'inf', count: number): TimedRequest[] {
  const [inputs, outputs] = [new RandomStream(SEED, 'input lengths'), new RandomStream(SEED, 'output lengths')];
  return drawArrivals(count, { rate, burstiness: 1, seed: SEED }).map((due, index) => {
    const length = inputs.integer(INPUT.min, INPUT.max);
    const maxTokens = outputs.integer(OUTPUT.min, OUTPUT.max);
    const { promptIds } = randomRequest(index, model.runner.limits, { length, maxTokens });
    const sampling = { maxTokens, seed: index, temperature: 0, ignoreEos: true };
    return { requestId: String(index), due, promptIds, sampling };
  });
}

function runRequests(
  { model, clock, signal }: ExperimentContext,
  requests: readonly TimedRequest[],
  settings: EngineSettings,
) {
  const { runner, tokenizer } = model;
  return runOpenLoop('online', requests, { runner, tokenizer, signal, settings, clock });
}
