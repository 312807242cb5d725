// Closed loop: all requests at once, under each scheduler in turns.
import { Engine } from '../../src/engine/engine.ts';
import type { EngineWatch } from '../../src/engine/engine-options.ts';
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import type { BenchRequest } from '../load/requests.ts';
import { type ModeOptions, type ModeRun, runMode } from './run-mode.ts';
import { type WarmUpOptions, warmUp } from './warm-up.ts';

/** Runner, modes and callbacks of a benchmark. */
export interface BenchmarkOptions extends Omit<WarmUpOptions, 'onInterrupted'> {
  /** Runs of each mode. */
  readonly repeat: number;
  /** Receives the median run of a mode, and all of them, after the last one. */
  readonly onMode: (run: ModeRun, rounds: readonly ModeRun[]) => void;
  /** Receives the same of each mode of which runs were made when the signal interrupted another. */
  readonly onInterrupted?: ((run: ModeRun, rounds: readonly ModeRun[]) => void) | undefined;
  /** Makes what watches the engine of a run, by name; warm-ups are not watched. */
  readonly watchRun?: (name: string) => EngineWatch | undefined;
  /** Records steps and timelines of runs; default false. */
  readonly recordsSteps?: boolean | undefined;
}

/**
 * Warms every mode up, then runs them in turns, so that a machine that slows down slows all of them. Returns the runs.
 *
 * @throws what `runMode` throws.
 */
export async function runBenchmark(
  requests: readonly BenchRequest[],
  { modes, warmup, repeat, onProgress, onMode, onInterrupted, watchRun, recordsSteps, ...options }: BenchmarkOptions,
): Promise<ModeRun[]> {
  await checkRequests(requests, options);
  await warmUp(requests, { modes, warmup, onProgress, ...options });
  const runs: ModeRun[] = [];
  const ofMode = (mode: SchedulerName) => runs.filter((other) => other.mode === mode);
  const reportRuns = (interrupted: ModeRun) => {
    for (const mode of modes) if (ofMode(mode).length > 0) onInterrupted?.(medianRun(ofMode(mode)), ofMode(mode));
    if (ofMode(interrupted.mode).length === 0) onInterrupted?.(interrupted, [interrupted]);
  };
  for (let i = 1; i <= repeat; i++) {
    for (const mode of modes) {
      const label = `${mode} run ${i} of ${repeat}`;
      const onIds = (numIds: number) => onProgress(label, numIds);
      const run = { ...options, watch: watchRun?.(label), recordsSteps, onIds, onInterrupted: reportRuns };
      runs.push(await runMode(mode, requests, run));
      if (i === repeat) onMode(medianRun(ofMode(mode)), ofMode(mode));
    }
  }
  return runs;
}

/**
 * Refuses requests that can't run, before the GPU starts.
 *
 * @param explain makes the error to throw from that about a request; by default they are the same.
 * @throws RangeValueError or RequestTooLargeError.
 */
export async function checkRequests(
  requests: readonly BenchRequest[],
  { runner, tokenizer }: Pick<ModeOptions, 'runner' | 'tokenizer'>,
  explain: (error: unknown, index: number) => unknown = (error) => error,
): Promise<void> {
  await using engine = new Engine({ runner, tokenizer });
  for (const [index, request] of requests.entries()) {
    try {
      engine.addRequest(request);
    } catch (error) {
      throw explain(error, index);
    }
  }
}

/** Finds the run of the median time; of an even number, the faster of the two in the middle. */
function medianRun(runs: readonly ModeRun[]): ModeRun {
  const sorted = runs.toSorted((a, b) => a.end - a.start - (b.end - b.start));
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}
