// The built-in policies by name, one table for schedulers and one for queue policies: lists, checks and help texts are
// made from it, and the types, which the API reference prints, don't compile without a row for each name.
import type { ModelLimits } from '../core/runner.ts';
import { RangeValueError } from '../util/errors.ts';
import { namesOf } from '../util/names-of.ts';
import type { Check } from '../util/option-checks.ts';
import type { AdmissionPolicy } from './admission/admission-policy.ts';
import { NaivePolicy } from './admission/naive.ts';
import { OfflinePolicy } from './admission/offline.ts';
import { OnlinePolicy } from './admission/online.ts';
import { BatchScheduler } from './batch-scheduler.ts';
import { fcfs } from './queue/fcfs.ts';
import { priority } from './queue/priority.ts';
import type { QueuePolicy } from './queue/queue-policy.ts';
import { shortestPromptFirst } from './queue/shortest-prompt-first.ts';
import type { Scheduler } from './scheduler.ts';

/** Built-in admission policy: one request at a time, fixed groups, or continuous batching. */
export type SchedulerName = 'naive' | 'offline' | 'online';

/** Built-in queue policy: first come, most urgent, or shortest prompt first. */
export type QueuePolicyName = 'fcfs' | 'priority' | 'shortest-prompt-first';

/** Factories, since a policy with state belongs to one scheduler; in the order in which a comparison shows them. */
const ADMISSION: Readonly<Record<SchedulerName, () => AdmissionPolicy>> = {
  naive: () => new NaivePolicy(),
  offline: () => new OfflinePolicy(),
  online: () => new OnlinePolicy(),
};

const QUEUE: Readonly<Record<QueuePolicyName, QueuePolicy>> = {
  fcfs,
  priority,
  'shortest-prompt-first': shortestPromptFirst,
};

/** Names of the schedulers in the order in which a comparison shows them. */
export const schedulerNames: readonly SchedulerName[] = namesOf(ADMISSION);

/** Names of the queue policies. */
export const queuePolicyNames: readonly QueuePolicyName[] = namesOf(QUEUE);

/** Accepts the name of a scheduler, or an admission policy. */
export const schedulerCheck = nameOrPolicy(schedulerNames, 'admits');

/** Accepts the name of a queue policy, or a queue policy. */
export const queuePolicyCheck = nameOrPolicy(queuePolicyNames, 'rank');

/**
 * Makes a scheduler.
 *
 * @throws RangeValueError for a name that is not in `schedulerNames` or `queuePolicyNames`, a value that is neither
 * name nor policy, or limits out of range.
 */
export function createScheduler(
  scheduler: SchedulerName | AdmissionPolicy,
  limits: ModelLimits,
  queuePolicy: QueuePolicyName | QueuePolicy = 'fcfs',
): Scheduler {
  if (!schedulerCheck.accepts(scheduler)) throw new RangeValueError('scheduler', scheduler, schedulerCheck.expected);
  if (!queuePolicyCheck.accepts(queuePolicy)) {
    throw new RangeValueError('queuePolicy', queuePolicy, queuePolicyCheck.expected);
  }
  const admission = typeof scheduler === 'string' ? ADMISSION[scheduler]() : scheduler;
  const queue = typeof queuePolicy === 'string' ? QUEUE[queuePolicy] : queuePolicy;
  return new BatchScheduler({ admission, queue }, limits);
}

function nameOrPolicy(names: readonly string[], method: string): Check {
  return {
    expected: `one of ${names.join(', ')}, or an object that has ${method}()`,
    accepts: (value) =>
      typeof value === 'object' && value !== null
        ? typeof Reflect.get(value, method) === 'function'
        : names.some((name) => name === value),
  };
}
