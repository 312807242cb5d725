// Replay of a recorded run: its events, times and ids are given, and the engine decides everything else anew.
import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { BatchPlan, SamplingRow } from '../../src/core/batch-plan.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { ModelLimits, Runner, StepResult } from '../../src/core/runner.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import { clip } from '../../src/util/quote.ts';
import { engineOptions } from '../load/engine-settings.ts';
import { admit, type Outcome } from '../open-loop/admit.ts';
import type { RecordedRun } from '../open-loop/run-file.ts';
import { type LoggedRequest, type RunHeader, requestsIn, stepsIn, turnsIn } from '../open-loop/run-log.ts';
import type { OpenLoopRun } from '../open-loop/run-open-loop.ts';

/** Most characters of the decisions of a step in a message. */
const MAX_DESCRIPTION = 500;

/** Repetition of a recorded run. */
export interface Replay {
  readonly run: OpenLoopRun;
  readonly numSteps: number;
  /** First step that differs, in words; null when every step has the same rows, admissions and preemptions. */
  readonly difference: string | null;
}

/**
 * Repeats a recorded run with its events in their order and at their times, its step times and its ids. Engine,
 * scheduler and KV manager decide anew.
 */
export async function replay({ header, entries }: RecordedRun): Promise<Replay> {
  const recorded = stepsIn(turnsIn(entries));
  const requests = requestsIn(entries);
  const runner = new ReplayRunner(header, recorded, requests);
  const steps: StepRecord[] = [];
  const observers = [{ onStep: (record: StepRecord) => steps.push(record) }];
  const engine = new Engine({
    ...engineOptions(header.settings),
    runner,
    scheduler: header.mode,
    clock: runner,
    observers,
  });
  const outcomes: Promise<Outcome>[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  for (const entry of entries) {
    if ('request' in entry) {
      const { request } = entry;
      await runner.advance(request.added);
      const ended = admit(engine, toRequest(request), request.start);
      ended.catch(() => {}); // thrown below, when all have ended
      outcomes.push(ended);
    } else {
      await runner.settle(turn);
      await runner.advance(entry.step?.submitted ?? entry.turn);
      turn = engine.step();
    }
  }
  await runner.settle(turn);
  const end = runner.now();
  // A run with the same decisions has nothing left to abort.
  await runner.settle(engine.close());
  const run = {
    mode: header.mode,
    start: header.start,
    end,
    outcomes: await Promise.all(outcomes),
    requests: [],
    steps: [],
  };
  return { run, numSteps: steps.length, difference: findDifference(recorded, steps) };
}

function toRequest({ requestId, promptIds, maxTokens, ignoreEos, seed, priority }: LoggedRequest) {
  return { requestId, promptIds, priority, sampling: { maxTokens, seed, ignoreEos } };
}

function findDifference(recorded: readonly StepRecord[], replayed: readonly StepRecord[]): string | null {
  for (let index = 0; index < Math.max(recorded.length, replayed.length); index++) {
    const [want, got] = [decisionsOf(recorded[index]), decisionsOf(replayed[index])];
    if (!isDeepStrictEqual(want, got)) return `step ${index} is ${describe(got)}, recorded ${describe(want)}`;
  }
  return null;
}

function describe(decisions: ReturnType<typeof decisionsOf>): string {
  return clip(JSON.stringify(decisions), MAX_DESCRIPTION);
}

function decisionsOf(step: StepRecord | undefined) {
  if (step === undefined) return null;
  const { rows, admitted, preempted, numWaiting } = step;
  return { admitted, preempted, numWaiting, rows };
}

/** Clock and runner of a replay: steps end at their recorded times. */
class ReplayRunner implements Runner, Clock {
  readonly limits: ModelLimits;
  readonly eosIds: readonly number[];
  readonly readbackMs: number | undefined;
  readonly #steps: readonly StepRecord[];
  /** Requests by seed, which is unique in a recorded run. */
  readonly #requests: ReadonlyMap<number, LoggedRequest>;
  /** Steps that have not ended, oldest first. */
  readonly #inFlight: { readonly finished: number; readonly resolve: () => void }[] = [];
  #numSubmitted = 0;
  #now: number;

  constructor(
    { limits, eosIds, readbackMs, start }: RunHeader,
    steps: readonly StepRecord[],
    requests: readonly LoggedRequest[],
  ) {
    this.limits = limits;
    this.eosIds = eosIds;
    this.readbackMs = readbackMs;
    this.#steps = steps;
    this.#requests = new Map(requests.map((request) => [request.seed, request]));
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  execute({ samplingRows }: BatchPlan): Promise<StepResult> {
    const { promise, resolve } = Promise.withResolvers<StepResult>();
    const ids = Int32Array.from(samplingRows, (row) => this.#idOf(row));
    const finite = new Uint8Array(ids.length).fill(1);
    // An unexpected step ends immediately; the comparison reports it.
    const finished = this.#steps[this.#numSubmitted++]?.finished ?? this.#now;
    this.#inFlight.push({ finished, resolve: () => resolve({ ids, finite }) });
    return promise;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Advances to `time`, ending the steps that end until then. */
  async advance(time: number): Promise<void> {
    while (this.#inFlight[0] !== undefined && this.#inFlight[0].finished <= time) await this.#endStep();
    this.#now = Math.max(this.#now, time);
  }

  /** Advances until `work` is done, ending no more steps than that takes. */
  async settle(work: Promise<unknown>): Promise<void> {
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    work.then(settled, settled);
    await setImmediate();
    while (!isSettled) await this.#endStep();
    await work;
  }

  async #endStep(): Promise<void> {
    const step = this.#inFlight.shift();
    this.#now = Math.max(this.#now, step?.finished ?? this.#now);
    step?.resolve();
    await setImmediate();
  }

  /** Finds the recorded id of a row; 0, which is unused, after the request's last id. */
  #idOf({ seed, position }: SamplingRow): number {
    const request = this.#requests.get(seed);
    return request?.ids[position - request.promptIds.length] ?? 0;
  }
}
