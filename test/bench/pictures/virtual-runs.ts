// Runs of requests under every scheduler in virtual time, for tests of pictures: every number can be told beforehand.
import { SimulatedRunner } from '../../../bench/common/simulated-runner.ts';
import type { TimedRequest } from '../../../bench/load/requests.ts';
import { type OpenLoopRun, runOpenLoop } from '../../../bench/open-loop/run-open-loop.ts';
import { VirtualClock } from '../../../bench/simulation/virtual-clock.ts';
import type { BatchPlan } from '../../../src/core/batch-plan.ts';
import { type SchedulerName, schedulerNames } from '../../../src/scheduler/create-scheduler.ts';
import { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';

export const virtualLimits = {
  maxBatchSize: 2,
  maxBatchTokens: 64,
  maxModelLen: 64,
  numBlocks: 64,
  blockSize: 4,
  vocabSize: 8192,
};

export interface VirtualRunOptions {
  readonly modes?: readonly SchedulerName[];
  /** Tokens that each request generates. */
  readonly lengths: readonly number[];
  /** Milliseconds at which each arrives; 0. */
  readonly dues?: readonly number[];
  /** Texts of their prompts; one token each by default. */
  readonly prompts?: readonly string[];
  readonly stepMs?: (plan: BatchPlan) => number;
  readonly maxQueuedRequests?: number;
  readonly numBlocks?: number;
}

/** Runs requests, at 10 ms a step. */
export async function virtualRuns({
  modes = schedulerNames,
  lengths,
  dues = lengths.map(() => 0),
  prompts = [],
  stepMs = () => 10,
  maxQueuedRequests,
  numBlocks = virtualLimits.numBlocks,
}: VirtualRunOptions): Promise<OpenLoopRun[]> {
  const tokenizer =
    prompts.length === 0 ? Tokenizer.idsOnly(virtualLimits.vocabSize) : await Tokenizer.load('weights/tales');
  const { signal } = new AbortController();
  const requests: TimedRequest[] = lengths.map((maxTokens, index) => ({
    requestId: String(index),
    due: dues[index] ?? 0,
    ...(prompts[index] === undefined ? { promptIds: [index] } : { prompt: prompts[index] }),
    sampling: { maxTokens, seed: index, temperature: 0, ignoreEos: true },
  }));
  const runs: OpenLoopRun[] = [];
  for (const mode of modes) {
    const clock = new VirtualClock();
    const runner = new SimulatedRunner({ limits: { ...virtualLimits, numBlocks }, clock, stepMs });
    const settings = { prefixCache: false, maxQueuedRequests };
    const options = { runner, tokenizer, signal, clock, settings, recordsSteps: true };
    runs.push(await clock.run(runOpenLoop(mode, requests, options)));
  }
  return runs;
}
