import type { Clock } from '../core/clock.ts';
import type { Runner } from '../core/runner.ts';
import type { QueuePolicyName, SchedulerName } from '../scheduler/create-scheduler.ts';
import type { QueueBounds } from './queue-gate.ts';
import type { FinishedRequest } from './request.ts';
import type { StepRecord } from './step-record.ts';
import type { Tokenizer } from './tokenizer.ts';

/** What an engine runs on and how it schedules. */
export interface EngineOptions extends QueueBounds {
  /** Stays the caller's: engines may use one runner one after another, each from its start to its `close`. */
  readonly runner: Runner;
  readonly tokenizer: Tokenizer;
  /** Default `online`. */
  readonly scheduler?: SchedulerName | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
  /** Whether a step is submitted before the ids of the one before it are read; default true. The ids are the same. */
  readonly overlap?: boolean | undefined;
  /** Which waiting request is next; default `fcfs`. */
  readonly policy?: QueuePolicyName | undefined;
  /** Whether prompts take what others have computed of the same beginning; default true. The ids are the same. */
  readonly prefixCache?: boolean | undefined;
  /** Cut prompts so that a step takes about so long, by what the steps before it took. By default only maxBatchTokens cuts. */
  readonly maxStepMs?: number | undefined;
  /** Told of every step once its result is there. It must not throw. */
  readonly onStep?: ((step: StepRecord) => void) | undefined;
  /** Told of every request that has ended. It must not throw. */
  readonly onFinish?: ((request: FinishedRequest) => void) | undefined;
  /** What `timeline` of a request is that doesn't say; default false. */
  readonly timeline?: boolean | undefined;
  /** Whether each kernel is timed by the GPU's clock, for `StepRecord.times`, which slows steps down; default false. */
  readonly timeKernels?: boolean | undefined;
}

/** What somebody who watches an engine asks it for. */
export type EngineWatch = Pick<EngineOptions, 'onStep' | 'onFinish' | 'timeline' | 'timeKernels'>;
