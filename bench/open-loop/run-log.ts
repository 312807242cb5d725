import type { ModelLimits, Runner } from '../../src/core/runner.ts';
import type { StepRecord } from '../../src/engine/observe/step-record.ts';
import type { FinishedRequest } from '../../src/engine/request.ts';
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import type { EngineSettings } from '../load/engine-settings.ts';
import type { BenchRequest } from '../load/requests.ts';

/** Under what a run was recorded. */
export interface RunHeader {
  readonly schema: typeof RUN_SCHEMA;
  readonly mode: SchedulerName;
  readonly limits: ModelLimits;
  readonly settings: EngineSettings;
  /** The tokens that end a text. */
  readonly eosIds: readonly number[];
  /** When it began, in milliseconds of its clock. */
  readonly start: number;
}

/** A request as it was added, and what it got. */
export interface LoggedRequest {
  readonly requestId: string;
  /** When its clock began to run and when the engine got it, in milliseconds of the run's clock. */
  readonly start: number;
  readonly added: number;
  readonly promptIds: readonly number[];
  readonly maxTokens: number;
  readonly ignoreEos: boolean;
  /** No other request of the run has it. */
  readonly seed: number;
  readonly priority?: number | undefined;
  /** What was generated. */
  ids: readonly number[];
}

/** A turn of the engine that began at `turn`; `step` is what it submitted, if anything. */
export interface LoggedTurn {
  readonly turn: number;
  step: StepRecord | null;
}

export type LogEntry = LoggedTurn | { readonly request: LoggedRequest };

export const RUN_SCHEMA = 'roseinfer-run-1';

/** Keeps what happened in a run in the order in which it happened. */
export class RunLog {
  readonly #header: Omit<RunHeader, 'schema' | 'start'>;
  #start = 0;
  readonly entries: LogEntry[] = [];
  readonly #requests = new Map<string, LoggedRequest>();
  /** The turns that submitted a step. */
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

  /** Takes a request that the engine gets at `added`. */
  addRequest(request: BenchRequest, start: number, added: number): void {
    const { requestId, promptIds = [], priority, sampling } = request;
    const { maxTokens, seed, ignoreEos = false } = sampling;
    const logged = { requestId, start, added, promptIds, maxTokens, seed, ignoreEos, priority, ids: [] };
    this.#requests.set(requestId, logged);
    this.entries.push({ request: logged });
  }

  /** Takes what a request has got. */
  endRequest({ requestId, ids }: FinishedRequest): void {
    const request = this.#requests.get(requestId);
    if (request !== undefined) request.ids = ids;
  }

  beginTurn(time: number): void {
    this.#turn = { turn: time, step: null };
    this.entries.push(this.#turn);
  }

  /** The runner, watched: a step belongs to the turn in which it is submitted. */
  watch(runner: Runner): Runner {
    return {
      limits: runner.limits,
      eosIds: runner.eosIds,
      get failure() {
        return runner.failure;
      },
      execute: (plan, options) => {
        if (this.#turn !== null) this.#steps.push(this.#turn);
        return runner.execute(plan, options);
      },
      close: () => runner.close(),
    };
  }

  /** The header, then what happened, as lines of JSON. */
  *lines(): Generator<string> {
    yield `${JSON.stringify(this.header)}\n`;
    for (const entry of this.entries) yield `${JSON.stringify(entry)}\n`;
  }

  /** Takes the record of a step that has run. */
  addStep(record: StepRecord): void {
    const turn = this.#steps[record.index];
    if (turn !== undefined) turn.step = record;
  }
}
