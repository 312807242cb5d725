// Run of a closed loop: a batch of requests under one scheduler, on an engine of its own.
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Runner } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineWatch } from '../../src/engine/engine-options.ts';
import type { FinishedRequest } from '../../src/engine/request.ts';
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { type RecordedStep, recordSteps, type StepRecording } from '../common/recorded-step.ts';
import { withExecute } from '../common/with-execute.ts';
import { DEFAULT_SETTINGS, type EngineSettings, engineOptions } from '../load/engine-settings.ts';
import type { BenchRequest } from '../load/requests.ts';

/** Engine and callbacks of a run. */
export interface ModeOptions {
  readonly runner: Runner;
  readonly tokenizer: Tokenizer;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  readonly settings?: EngineSettings;
  /** Called with the number of ids so far. */
  readonly onIds?: (numIds: number) => void;
  /** Watches the engine. */
  readonly watch?: EngineWatch | undefined;
  /** Records steps and timelines; default false. */
  readonly recordsSteps?: boolean | undefined;
  /** Receives the partial run that the signal interrupted, before the signal's reason is thrown. */
  readonly onInterrupted?: ((run: ModeRun) => void) | undefined;
}

/** Run of all requests under one scheduler; times in milliseconds of one clock. */
export interface ModeRun {
  readonly mode: SchedulerName;
  /** Arrival of every request, before any is encoded. */
  readonly start: number;
  /** Time at which the last text is complete. */
  readonly end: number;
  /** In the order of the requests. */
  readonly responses: readonly FinishedRequest[];
  /** Empty unless they were to be recorded. */
  readonly steps: readonly RecordedStep[];
}

/**
 * Runs the requests, which all arrive at once, under one scheduler.
 *
 * @throws RangeValueError or RequestTooLargeError for a request that can't run, and the signal's reason.
 */
export async function runMode(
  mode: SchedulerName,
  requests: readonly BenchRequest[],
  options: ModeOptions,
): Promise<ModeRun> {
  const { runner, tokenizer, signal, clock = systemClock, settings = DEFAULT_SETTINGS, onIds = () => {} } = options;
  const recording: StepRecording = options.recordsSteps
    ? recordSteps(options.watch, () => engine.stats.numUsedBlocks)
    : { watch: options.watch, steps: [] };
  const abortable = requests.map((request) => ({ ...request, signal }));
  await using engine = new Engine({
    ...recording.watch,
    ...engineOptions(settings),
    runner: countIds(runner, onIds),
    tokenizer,
    scheduler: mode,
    clock,
  });
  const start = clock.now();
  const responses = await engine.generateBatch(abortable);
  const run = { mode, start, end: clock.now(), responses, steps: recording.steps };
  if (signal.aborted) options.onInterrupted?.(run);
  signal.throwIfAborted();
  return run;
}

/** Wraps the runner, so that `onIds` is called after each step. */
function countIds(runner: Runner, onIds: (numIds: number) => void): Runner {
  let numIds = 0;
  return withExecute(runner, async (plan, options) => {
    const result = await runner.execute(plan, options);
    numIds += result.ids.length;
    onIds(numIds);
    return result;
  });
}
