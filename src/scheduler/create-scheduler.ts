import { RangeValueError } from '../util/errors.ts';
import type { AdmissionPolicy } from './admission-policy.ts';
import { BatchScheduler, type SchedulerLimits } from './batch-scheduler.ts';
import { fcfs } from './fcfs.ts';
import { NaivePolicy } from './naive.ts';
import { OfflinePolicy } from './offline.ts';
import { OnlinePolicy } from './online.ts';
import { priority } from './priority.ts';
import type { QueuePolicy } from './queue-policy.ts';
import type { Scheduler } from './scheduler.ts';
import { shortestPromptFirst } from './shortest-prompt-first.ts';

export type SchedulerName = 'naive' | 'offline' | 'online';

/** In the order in which a comparison shows them. */
export const schedulerNames: readonly SchedulerName[] = ['naive', 'offline', 'online'];

export type QueuePolicyName = 'fcfs' | 'priority' | 'shortest-prompt-first';

export const queuePolicyNames: readonly QueuePolicyName[] = ['fcfs', 'priority', 'shortest-prompt-first'];

/** @throws RangeValueError for a name that is not in `schedulerNames` or `queuePolicyNames`, or limits that make no sense. */
export function createScheduler(
  name: SchedulerName,
  limits: SchedulerLimits,
  queuePolicy: QueuePolicyName = 'fcfs',
): Scheduler {
  return new BatchScheduler({ admission: createAdmission(name), queue: queuePolicyOf(queuePolicy) }, limits);
}

function createAdmission(name: SchedulerName): AdmissionPolicy {
  switch (name) {
    case 'naive':
      return new NaivePolicy();
    case 'offline':
      return new OfflinePolicy();
    case 'online':
      return new OnlinePolicy();
    default:
      throw new RangeValueError('scheduler', name, `one of ${schedulerNames.join(', ')}`);
  }
}

function queuePolicyOf(name: QueuePolicyName): QueuePolicy {
  switch (name) {
    case 'fcfs':
      return fcfs;
    case 'priority':
      return priority;
    case 'shortest-prompt-first':
      return shortestPromptFirst;
    default:
      throw new RangeValueError('policy', name, `one of ${queuePolicyNames.join(', ')}`);
  }
}
