// Policies as the scheduler calls them. A caller may have written one, perhaps without types, so every answer is
// checked before it changes the scheduler's state.
import type { ReadonlySequence } from '../core/sequence.ts';
import { RangeValueError } from '../util/errors.ts';
import { quote } from '../util/quote.ts';
import type { AdmissionPolicy, AdmissionState } from './admission/admission-policy.ts';
import { PolicyError } from './policy-error.ts';
import type { QueuePolicy } from './queue/queue-policy.ts';

/** The two policies of a scheduler. */
export interface SchedulingPolicies {
  /** When a waiting sequence may start. */
  readonly admission: AdmissionPolicy;
  /** Which one is next. */
  readonly queue: QueuePolicy;
}

/** The policies of a scheduler with their answers checked. */
export class GuardedPolicies {
  /** Most sequences that run at a time. */
  readonly maxRunning: number;
  readonly #policies: SchedulingPolicies;

  /** @throws RangeValueError for a `maxRunning` that is no integer ≥ 1, nor Infinity. */
  constructor(policies: SchedulingPolicies) {
    const maxRunning: unknown = policies.admission.maxRunning ?? Number.POSITIVE_INFINITY;
    const isCount = Number.isSafeInteger(maxRunning) || maxRunning === Number.POSITIVE_INFINITY;
    if (typeof maxRunning !== 'number' || !isCount || maxRunning < 1) {
      throw new RangeValueError('maxRunning of the scheduler', maxRunning, 'an integer ≥ 1, or Infinity');
    }
    this.maxRunning = maxRunning;
    this.#policies = policies;
  }

  /** @throws PolicyError when the policy throws or gives anything but a boolean. */
  admits(state: AdmissionState, head: ReadonlySequence): boolean {
    const admits: unknown = call('admits', () => this.#policies.admission.admits(state, head));
    if (typeof admits === 'boolean') return admits;
    throw new PolicyError('admits', `gave ${quote(admits)}, expected true or false`);
  }

  /** @throws PolicyError when the policy throws or gives no finite number. */
  rank(sequence: ReadonlySequence): number {
    const rank: unknown = call('rank', () => this.#policies.queue.rank(sequence));
    if (typeof rank === 'number' && Number.isFinite(rank)) return rank;
    throw new PolicyError('rank', `gave ${quote(rank)}, expected a finite number`);
  }
}

function call(method: string, policy: () => unknown): unknown {
  try {
    return policy();
  } catch (cause) {
    throw new PolicyError(method, `threw ${cause instanceof Error ? cause.message : quote(cause)}`, { cause });
  }
}
