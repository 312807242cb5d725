// Open loop: the same requests arrive over time under each scheduler, one after another.
import type { Runner } from '../../src/core/runner.ts';
import type { EngineWatch } from '../../src/engine/engine-options.ts';
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts';
import { checkRequests } from '../closed-loop/benchmark.ts';
import { warmUp } from '../closed-loop/warm-up.ts';
import { type BenchArgs, modesOf } from '../load/args.ts';
import { type DatasetEntry, explainBy } from '../load/dataset.ts';
import type { EngineSettings } from '../load/engine-settings.ts';
import { buildPrompts, type TimedRequest, timeRequests, withoutDue } from '../load/requests.ts';
import { MAX_WAIT_MS, systemWaitingClock } from '../load/waiting-clock.ts';
import { buildWorkload, checkArrivals } from '../load/workload.ts';
import type { RunLog } from './run-log.ts';
import { type OpenLoopRun, runOpenLoop } from './run-open-loop.ts';

/** Runner, dataset and callbacks of an open-loop benchmark. */
export interface OpenLoopBenchmarkOptions {
  readonly runner: Runner;
  readonly tokenizer: Tokenizer;
  /** Requests of --dataset. */
  readonly dataset: readonly DatasetEntry[] | null;
  readonly signal: AbortSignal;
  readonly settings: EngineSettings;
  /** Records the run of a single mode, whose prompts are then encoded before it starts. */
  readonly log?: RunLog | undefined;
  /** Makes what watches the engine of a run, by name; warm-ups are not watched. */
  readonly watchRun?: (name: string) => EngineWatch | undefined;
  /** Records steps and timelines of runs; default false. */
  readonly recordsSteps?: boolean | undefined;
  /** Called with the name of the run and the number of requests that have ended. */
  readonly onProgress: (label: string, numEnded: number) => void;
  readonly onRun: (run: OpenLoopRun) => void;
  /** Receives the partial run that the signal interrupted. */
  readonly onInterrupted: (run: OpenLoopRun) => void;
}

/**
 * Warms every mode up and lets the same requests arrive over time in each. Returns the runs.
 *
 * @throws what `runOpenLoop` throws.
 */
export async function benchmarkOpenLoop(args: BenchArgs, options: OpenLoopBenchmarkOptions): Promise<OpenLoopRun[]> {
  const { runner, tokenizer, dataset, log, watchRun, onProgress, onRun } = options;
  const workload = buildWorkload(args, { dataset, prompts: buildPrompts(args) }, runner.limits);
  checkArrivals(workload, args, { dataset, maxWaitMs: MAX_WAIT_MS });
  const requests = timeRequests(args, workload);
  const untimed = withoutDue(requests);
  await checkRequests(untimed, options, explainBy(dataset));
  const modes = modesOf(args);
  const { settings, signal } = options;
  const warmup = { runner, tokenizer, settings, signal, modes, warmup: args.warmup };
  await warmUp(untimed, { ...warmup, onProgress: (label) => onProgress(label, 0) });
  const sent = log === undefined ? requests : requests.map((request) => encodePrompt(request, tokenizer));
  const runs: OpenLoopRun[] = [];
  for (const mode of modes) {
    const run = await runOpenLoop(mode, sent, {
      ...options,
      clock: systemWaitingClock,
      maxConcurrency: args['max-concurrency'],
      watch: watchRun?.(mode),
      onEnd: (numEnded) => onProgress(mode, numEnded),
    });
    runs.push(run);
    onRun(run);
  }
  return runs;
}

/** Replaces the text of a prompt by its ids. */
function encodePrompt({ prompt, ...request }: TimedRequest, tokenizer: Tokenizer): TimedRequest {
  return prompt === undefined ? request : { ...request, promptIds: tokenizer.encode(prompt) };
}
