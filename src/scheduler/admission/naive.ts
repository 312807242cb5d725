// No batching: the baseline that the other schedulers are compared with.
import type { AdmissionPolicy, AdmissionState } from './admission-policy.ts';

/** One sequence at a time, to its end. */
export class NaivePolicy implements AdmissionPolicy {
  readonly maxRunning = 1;

  admits({ numRunning }: AdmissionState): boolean {
    return numRunning === 0;
  }
}
