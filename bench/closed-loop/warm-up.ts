// Warm-up: short runs before the measured ones, of at most two batches of each scheduler.
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import { DEFAULT_SETTINGS } from '../load/engine-settings.ts';
import { type BenchRequest, buildWarmup } from '../load/requests.ts';
import { type ModeOptions, runMode } from './run-mode.ts';

/** Batches of a warm-up; sequences of the second one take over the rows of ended ones. */
const NUM_BATCHES = 2;

/** Runner and modes of a warm-up. */
export interface WarmUpOptions extends Omit<ModeOptions, 'onIds' | 'watch' | 'recordsSteps'> {
  readonly modes: readonly SchedulerName[];
  /** Warm-up runs of each mode. */
  readonly warmup: number;
  /** Called with the name of the run and its number of ids so far. */
  readonly onProgress: (label: string, numIds: number) => void;
}

/**
 * Runs the first requests, cut short, under every scheduler; without bounds of the queue, because all arrive at once.
 *
 * @throws what `runMode` throws.
 */
export async function warmUp(
  requests: readonly BenchRequest[],
  { modes, warmup, onProgress, settings = DEFAULT_SETTINGS, ...options }: WarmUpOptions,
): Promise<void> {
  const unbounded = { ...settings, maxQueuedRequests: undefined, maxQueuedTokens: undefined };
  for (const mode of modes) {
    const batchSize = mode === 'naive' ? 1 : options.runner.limits.maxBatchSize;
    const batches = buildWarmup(requests.slice(0, NUM_BATCHES * batchSize));
    for (let i = 1; i <= warmup; i++) {
      const onIds = (numIds: number) => onProgress(`${mode} warm-up ${i} of ${warmup}`, numIds);
      await runMode(mode, batches, { ...options, settings: unbounded, onIds });
    }
  }
}
