import type { AdmissionPolicy } from './admission-policy.ts';

/** Continuous batching: whoever is next starts as soon as there is a place. */
export class OnlinePolicy implements AdmissionPolicy {
  readonly maxRunning = Number.POSITIVE_INFINITY;

  admits(): boolean {
    return true;
  }
}
