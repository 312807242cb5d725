// Static batching, the way to serve before continuous batching: a group starts together and its places stay its own.
import type { ReadonlySequence } from '../../core/sequence.ts';
import type { AdmissionPolicy, AdmissionState } from './admission-policy.ts';

/**
 * Static batching: a fixed group runs until all its members have ended, then the next group is formed. Members whose
 * prompts exceed maxBatchTokens together start over several steps, and a preempted member resumes within its group. When
 * an urgent request comes before members that have not started, and nothing runs, a new group is formed.
 */
export class OfflinePolicy implements AdmissionPolicy {
  #group: ReadonlySet<ReadonlySequence> = new Set();

  admits(state: AdmissionState, head: ReadonlySequence): boolean {
    const isOver = [...this.#group].every((member) => member.status === 'finished');
    if (isOver || (state.numRunning === 0 && !this.#group.has(head))) this.#group = formGroup(state);
    return this.#group.has(head);
  }
}

/** Forms a group: as many sequences from the head of the queue as the batch and the free blocks hold. */
function formGroup(state: AdmissionState): ReadonlySet<ReadonlySequence> {
  const group = new Set<ReadonlySequence>();
  let { numFreeBlocks } = state;
  for (const sequence of state.waiting) {
    if (group.size === state.maxBatchSize) break;
    numFreeBlocks -= state.numBlocksFor(sequence.numTokens);
    if (numFreeBlocks < 0) break;
    group.add(sequence);
  }
  return group;
}
