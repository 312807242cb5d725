// Continuous batching, the default: a request never waits for a place that is free.
import type { AdmissionPolicy } from './admission-policy.ts';

/** Continuous batching: the next sequence starts as soon as there is a place. */
export class OnlinePolicy implements AdmissionPolicy {
  admits(): boolean {
    return true;
  }
}
