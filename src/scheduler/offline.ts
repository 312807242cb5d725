import type { Sequence } from '../core/sequence.ts';
import type { AdmissionPolicy, AdmissionState } from './admission-policy.ts';

/**
 * Static batching: a fixed group runs until all its members have ended, then the next group is formed. Members whose
 * prompts exceed maxBatchTokens together start over several steps, and a preempted member resumes within its group. When
 * an urgent request comes before members that have not started, and nobody runs, a new group is formed.
 */
export class OfflinePolicy implements AdmissionPolicy {
  readonly maxRunning = Number.POSITIVE_INFINITY;
  #group: ReadonlySet<Sequence> = new Set();

  admits(state: AdmissionState, head: Sequence): boolean {
    const isOver = [...this.#group].every((member) => member.status === 'finished');
    if (isOver || (state.numRunning === 0 && !this.#group.has(head))) this.#group = formGroup(state);
    return this.#group.has(head);
  }
}

/** As many sequences from the head of the queue as the batch and the free blocks hold. */
function formGroup({ waiting, maxBatchSize, kv }: AdmissionState): ReadonlySet<Sequence> {
  const group = new Set<Sequence>();
  let numFreeBlocks = kv.numFreeBlocks;
  for (const sequence of waiting) {
    if (group.size === maxBatchSize) break;
    numFreeBlocks -= kv.numBlocksFor(sequence.numTokens);
    if (numFreeBlocks < 0) break;
    group.add(sequence);
  }
  return group;
}
