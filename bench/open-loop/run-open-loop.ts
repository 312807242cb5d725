// Run of an open loop: requests are sent when they are due, whatever the engine does.
import { Engine } from '../../src/engine/engine.ts';
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import type { ModeOptions } from '../closed-loop/run-mode.ts';
import { type RecordedStep, recordSteps, type StepRecording } from '../common/recorded-step.ts';
import { DEFAULT_SETTINGS, engineOptions } from '../load/engine-settings.ts';
import type { BenchRequest, TimedRequest } from '../load/requests.ts';
import { sendWhenDue } from '../load/send-when-due.ts';
import type { WaitingClock } from '../load/waiting-clock.ts';
import { admit, type Outcome } from './admit.ts';
import type { RunLog } from './run-log.ts';

/** Engine, clock and callbacks of an open loop. */
export interface OpenLoopOptions extends Omit<ModeOptions, 'clock' | 'onIds' | 'onInterrupted'> {
  readonly clock: WaitingClock;
  /** Most requests in flight; no limit when missing. */
  readonly maxConcurrency?: number | undefined;
  /** Records the run. */
  readonly log?: RunLog | undefined;
  /** Called with the number of requests that have ended. */
  readonly onEnd?: ((numEnded: number) => void) | undefined;
  /** Receives the partial run that the signal interrupted, before the signal's reason is thrown. */
  readonly onInterrupted?: ((run: OpenLoopRun) => void) | undefined;
}

/** Run of all requests under one scheduler; times in milliseconds of one clock. */
export interface OpenLoopRun {
  readonly mode: SchedulerName;
  readonly start: number;
  /** Time at which the last request has ended. */
  readonly end: number;
  /** In the order of the requests. */
  readonly outcomes: readonly Outcome[];
  /** In the same order; those whose outcome is missing were not sent before an interruption. */
  readonly requests: readonly BenchRequest[];
  /** Empty unless they were to be recorded. */
  readonly steps: readonly RecordedStep[];
}

/**
 * Sends requests, given in order of arrival, when they are due. Latencies count from then, even when a timer is late;
 * for a request that `maxConcurrency` held back they count from its release.
 *
 * @throws RangeValueError or RequestTooLargeError for a request that can't run, and the signal's reason.
 */
export async function runOpenLoop(
  mode: SchedulerName,
  requests: readonly TimedRequest[],
  options: OpenLoopOptions,
): Promise<OpenLoopRun> {
  const { runner, tokenizer, clock, signal, maxConcurrency, log } = options;
  const { settings = DEFAULT_SETTINGS } = options;
  const recording: StepRecording = options.recordsSteps
    ? recordSteps(options.watch, () => engine.stats.numUsedBlocks)
    : { watch: options.watch, steps: [] };
  const engine = new Engine({
    ...recording.watch,
    ...engineOptions(settings),
    runner: log?.watch(runner) ?? runner,
    tokenizer,
    scheduler: mode,
    clock,
    observers: [
      ...(recording.watch?.observers ?? []),
      ...(log === undefined ? [] : [{ onStep: log.addStep.bind(log) }]),
    ],
  });
  await using loop = new OpenLoop(engine, options);
  const start = clock.now();
  log?.begin(start);
  const send = (request: TimedRequest, from: number) => loop.send(request, from);
  const results = await sendWhenDue(requests, { start, clock, signal, maxConcurrency, send });
  const run = { mode, start, end: clock.now(), outcomes: results, requests, steps: recording.steps };
  if (signal.aborted && results.length > 0) options.onInterrupted?.(run);
  signal.throwIfAborted();
  return run;
}

/** Engine whose steps are taken here, one after another while a request is unfinished. */
class OpenLoop implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #options: OpenLoopOptions;
  #isStepping = false;
  #numEnded = 0;

  constructor(engine: Engine, options: OpenLoopOptions) {
    this.#engine = engine;
    this.#options = options;
  }

  /** Adds a request that arrived at `start`; resolves when it has ended. */
  async send({ due: _, ...request }: TimedRequest, start: number): Promise<Outcome> {
    const { signal, clock, log, onEnd } = this.#options;
    log?.addRequest(request, start, clock.now());
    const ended = admit(this.#engine, { ...request, signal }, start);
    // A fault of the loop fails the requests, which report it.
    if (!this.#isStepping) this.#step().catch(() => {});
    const outcome = await ended;
    if (outcome.response !== null) log?.endRequest(outcome.response);
    onEnd?.(++this.#numEnded);
    return outcome;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#engine.close();
  }

  async #step(): Promise<void> {
    const { clock, log } = this.#options;
    this.#isStepping = true;
    try {
      while (this.#engine.hasUnfinished) {
        await clock.pause();
        log?.beginTurn(clock.now());
        await this.#engine.step();
      }
    } finally {
      this.#isStepping = false;
    }
  }
}
