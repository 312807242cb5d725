// Record of a run for the simulator: requests and turns of the engine, in the order in which they happened.
import type { ModelLimits, Runner } from '../../src/core/runner.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import type { FinishedRequest } from '../../src/engine/request.ts';
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import { withExecute } from '../common/with-execute.ts';
import type { EngineSettings } from '../load/engine-settings.ts';
import type { BenchRequest } from '../load/requests.ts';

/** Settings of a recorded run. */
export interface RunHeader {
  readonly schema: typeof RUN_SCHEMA;
  readonly mode: SchedulerName;
  readonly limits: ModelLimits;
  readonly settings: EngineSettings;
  /** Tokens that end a text. */
  readonly eosIds: readonly number[];
  /** Milliseconds of a readback, where the runner names them. */
  readonly readbackMs?: number | undefined;
  /** Start of the run in milliseconds of its clock. */
  readonly start: number;
}

/** Request as it was added, and its ids. */
export interface LoggedRequest {
  readonly requestId: string;
  /** Arrival in milliseconds of the run's clock. */
  readonly start: number;
  /** Time at which the engine received it. */
  readonly added: number;
  readonly promptIds: readonly number[];
  readonly maxTokens: number;
  readonly ignoreEos: boolean;
  /** Seed, unique in the run. */
  readonly seed: number;
  readonly priority?: number | undefined;
  /** Generated ids. */
  ids: readonly number[];
}

/** Turn of the engine that began at `turn`; `step` is the step that it submitted, if any. */
export interface LoggedTurn {
  readonly turn: number;
  step: StepRecord | null;
}

/** Event of a run. */
export type LogEntry = LoggedTurn | { readonly request: LoggedRequest };

/** Lists the requests among events. */
export function requestsIn(entries: readonly LogEntry[]): LoggedRequest[] {
  return entries.flatMap((entry) => ('request' in entry ? [entry.request] : []));
}

/** Lists the turns among events. */
export function turnsIn(entries: readonly LogEntry[]): LoggedTurn[] {
  return entries.filter((entry) => 'turn' in entry);
}

/** Lists the steps of the turns that submitted one. */
export function stepsIn(turns: readonly LoggedTurn[]): StepRecord[] {
  return turns.flatMap(({ step }) => (step === null ? [] : [step]));
}

/** Format of the file, in its header. */
export const RUN_SCHEMA = 'roseinfer-run-1';

/** Log of a run, filled by callbacks while the run goes on. */
export class RunLog {
  readonly #header: Omit<RunHeader, 'schema' | 'start'>;
  #start = 0;
  readonly entries: LogEntry[] = [];
  readonly #requests = new Map<string, LoggedRequest>();
  /** Turns that submitted a step, by the index of the step. */
  readonly #steps: LoggedTurn[] = [];
  #turn: LoggedTurn | null = null;

  constructor(header: Omit<RunHeader, 'schema' | 'start'>) {
    this.#header = header;
  }

  get header(): RunHeader {
    return { schema: RUN_SCHEMA, ...this.#header, start: this.#start };
  }

  begin(time: number): void {
    this.#start = time;
  }

  /** Adds a request that the engine receives at `added`. */
  addRequest(request: BenchRequest, start: number, added: number): void {
    const { requestId, promptIds = [], priority, sampling } = request;
    const { maxTokens, seed, ignoreEos = false } = sampling;
    const logged = { requestId, start, added, promptIds, maxTokens, seed, ignoreEos, priority, ids: [] };
    this.#requests.set(requestId, logged);
    this.entries.push({ request: logged });
  }

  /** Adds the ids of a request. */
  endRequest({ requestId, ids }: FinishedRequest): void {
    const request = this.#requests.get(requestId);
    if (request !== undefined) request.ids = ids;
  }

  beginTurn(time: number): void {
    this.#turn = { turn: time, step: null };
    this.entries.push(this.#turn);
  }

  /** Wraps the runner, so that a step belongs to the turn in which it is submitted. */
  watch(runner: Runner): Runner {
    return withExecute(runner, (plan, options) => {
      if (this.#turn !== null) this.#steps.push(this.#turn);
      return runner.execute(plan, options);
    });
  }

  /** Yields the header, then the events, as lines of JSON. */
  *lines(): Generator<string> {
    yield `${JSON.stringify(this.header)}\n`;
    for (const entry of this.entries) yield `${JSON.stringify(entry)}\n`;
  }

  /** Adds the record of a step to its turn. */
  addStep(record: StepRecord): void {
    const turn = this.#steps[record.index];
    if (turn !== undefined) turn.step = record;
  }
}
