import type { Sequence } from '../core/sequence.ts';
import type { KVCacheManager } from '../kv/kv-cache-manager.ts';

/** What a policy may look at. */
export interface AdmissionState {
  /** In the order of their ranks: the next to start comes first. */
  readonly waiting: Iterable<Sequence>;
  readonly numRunning: number;
  readonly maxBatchSize: number;
  readonly kv: Pick<KVCacheManager, 'numFreeBlocks' | 'numBlocksFor'>;
}

/** All that the three schedulers differ in. */
export interface AdmissionPolicy {
  /** Most sequences that it lets run at a time, whatever the batch holds. */
  readonly maxRunning: number;
  /**
   * Whether the sequence at the head of the waiting queue may start, or resume, in this step. Asked only when a place in
   * the batch and some of maxBatchTokens are left; blocks are looked for afterwards.
   */
  admits(state: AdmissionState, head: Sequence): boolean;
}
