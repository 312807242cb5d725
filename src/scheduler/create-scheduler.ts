import { RangeValueError } from '../util/errors.ts';
import type { AdmissionPolicy } from './admission-policy.ts';
import { FcfsScheduler, type SchedulerLimits } from './fcfs-scheduler.ts';
import { NaivePolicy } from './naive.ts';
import { OfflinePolicy } from './offline.ts';
import { OnlinePolicy } from './online.ts';
import type { Scheduler } from './scheduler.ts';

export type SchedulerName = 'naive' | 'offline' | 'online';

/** In the order in which a comparison shows them. */
export const schedulerNames: readonly SchedulerName[] = ['naive', 'offline', 'online'];

/** @throws RangeValueError for a name that is not in `schedulerNames`, or limits that make no sense. */
export function createScheduler(name: SchedulerName, limits: SchedulerLimits): Scheduler {
  return new FcfsScheduler(createPolicy(name), limits);
}

function createPolicy(name: SchedulerName): AdmissionPolicy {
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
