// The schedulers in words and colours, the same in all pictures.
import type { SchedulerName } from '../../src/scheduler/create-scheduler.ts';
import { COLORS } from '../charts/palette.ts';

/** Colour and meaning of a scheduler. */
interface SchedulerWords {
  readonly color: string;
  /** Half a sentence that says when a waiting request starts. */
  readonly rule: string;
  /** The rule in a few words. */
  readonly motto: string;
}

/** Words for each scheduler. */
export const SCHEDULER_WORDS: Readonly<Record<SchedulerName, SchedulerWords>> = {
  naive: { color: COLORS.gold, rule: 'one request after another', motto: 'one request after another' },
  offline: {
    color: COLORS.purple,
    rule: 'whole batches: the next one starts when the longest request of this one has ended',
    motto: 'one batch after another',
  },
  online: {
    color: COLORS.teal,
    rule: 'a waiting request starts as soon as any request has ended',
    motto: 'a place that becomes free is filled at once',
  },
};

/** Says in a sentence for the caption of a picture how these schedulers differ. */
export function describeSchedulers(modes: readonly SchedulerName[]): string {
  const rules = modes.map((mode) => `${mode}, ${SCHEDULER_WORDS[mode].motto}`);
  return modes.length === 1
    ? `The scheduler is ${rules.join('')}.`
    : `Schedulers, each in its colour: ${rules.join('; ')}.`;
}

/** Makes the scale of the colours of these schedulers. */
export function schedulerScale(modes: readonly SchedulerName[]) {
  return { domain: [...modes], range: modes.map((mode) => SCHEDULER_WORDS[mode].color) };
}
