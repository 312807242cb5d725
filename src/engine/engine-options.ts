// The options of an engine and their checks, one table: what is not in it is refused.
import type { Clock } from '../core/clock.ts';
import type { Runner } from '../core/runner.ts';
import type { AdmissionPolicy } from '../scheduler/admission/admission-policy.ts';
import {
  type QueuePolicyName,
  queuePolicyCheck,
  type SchedulerName,
  schedulerCheck,
} from '../scheduler/create-scheduler.ts';
import type { QueuePolicy } from '../scheduler/queue/queue-policy.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { RangeValueError } from '../util/errors.ts';
import { isRecord } from '../util/keys.ts';
import {
  type Check,
  type Checks,
  checkOptions,
  checkValue,
  count,
  countOrNone,
  flag,
  positive,
} from '../util/option-checks.ts';
import type { ChatFormat } from './chat.ts';
import { type EngineObserver, observerList } from './observe/observers.ts';
import type { QueueBounds } from './queue-gate.ts';

/** Runner, tokenizer and scheduling of an engine. */
export interface EngineOptions extends QueueBounds {
  /** Stays the caller's, and is this engine's alone until its `close` has finished; then another engine may have it. */
  readonly runner: Runner;
  /** Without one the engine takes and gives ids only: a prompt or stop string as text is refused, and `text` is empty. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Way to write chats, such as `chat` of a loaded model; without one `chat` is refused. */
  readonly chat?: ChatFormat | undefined;
  /** When a waiting request starts: a name or a policy of one's own; default `online`. */
  readonly scheduler?: SchedulerName | AdmissionPolicy | undefined;
  /** Default: the machine's. */
  readonly clock?: Clock | undefined;
  /**
   * Submits a step before the ids of the one before it are read, or of the two before it where steps are shorter than two readbacks;
   * default true. The ids are the same.
   */
  readonly overlap?: boolean | undefined;
  /** Which waiting request is next: a name or a policy of one's own; default `fcfs`. */
  readonly queuePolicy?: QueuePolicyName | QueuePolicy | undefined;
  /** Shares the blocks of prompts that begin alike; default true. The ids are the same. */
  readonly prefixCache?: boolean | undefined;
  /** Milliseconds that a step takes at most, about: prompts are cut by the times of steps before. By default only maxBatchTokens cuts. */
  readonly maxStepMs?: number | undefined;
  /** Each receives every step and every request that ends; default none. A fault in one affects nothing else. */
  readonly observers?: readonly EngineObserver[] | undefined;
  /** Default for requests that don't set `timeline`; false. */
  readonly timeline?: boolean | undefined;
  /** Times each kernel by the GPU's clock, for `StepRecord.times`, which slows steps down; default false. */
  readonly timeKernels?: boolean | undefined;
}

/** The options of an engine that serve to watch it. */
export type EngineWatch = Pick<EngineOptions, 'observers' | 'timeline' | 'timeKernels'>;

/** A check for each option of an engine. */
export const ENGINE_OPTIONS: Checks<EngineOptions> = {
  runner: withMethods('execute'),
  tokenizer: withMethods('encode', 'isSpecial', 'tokenBytes'),
  chat: {
    expected: 'an object whose template has encode()',
    accepts: (value) => isRecord(value) && withMethods('encode').accepts(Reflect.get(value, 'template')),
  },
  scheduler: schedulerCheck,
  clock: withMethods('now'),
  overlap: flag,
  queuePolicy: queuePolicyCheck,
  prefixCache: flag,
  maxStepMs: positive,
  maxQueuedRequests: countOrNone,
  maxQueuedTokens: countOrNone,
  observers: observerList,
  timeline: flag,
  timeKernels: flag,
};

/**
 * Checks an engine's options; of the runner's limits, those that no other part checks.
 *
 * @throws RangeValueError for an unknown option, one of another type, or one out of range.
 */
export function checkEngineOptions(options: EngineOptions): void {
  checkOptions('options of Engine', options, ENGINE_OPTIONS);
  const { runner } = options;
  if (runner === undefined) throw new RangeValueError('runner', runner, ENGINE_OPTIONS.runner.expected);
  const limits: unknown = runner.limits;
  if (typeof limits !== 'object' || limits === null) throw new RangeValueError('runner.limits', limits, 'an object');
  checkValue('vocabSize', runner.limits.vocabSize, count);
  const { readbackMs } = runner;
  if (readbackMs !== undefined) checkValue('runner.readbackMs', readbackMs, positive);
}

/** Accepts an object that has these methods. */
function withMethods(...names: readonly string[]): Check {
  return {
    expected: `an object that has ${names.map((name) => `${name}()`).join(', ')}`,
    accepts: (value) =>
      typeof value === 'object' &&
      value !== null &&
      names.every((name) => typeof Reflect.get(value, name) === 'function'),
  };
}
