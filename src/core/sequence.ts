// The life of one request as the scheduler sees it. All of its state stands here, so that books can be checked against it.
import type { SamplingParams } from './sampling-params.ts';

/** Where a sequence is in its life; a preempted one waits to be computed again. */
export type SequenceStatus = 'waiting' | 'running' | 'preempted' | 'finished';

/** Reason why a sequence ended: an eos token, a stop id or stop string, `maxTokens` (or the context), its caller, or a fault. */
export type FinishReason = 'stop' | 'length' | 'abort' | 'error';

/** Most ids that may end a sequence as its eos: the number of masks that a step has room for in each row. */
export const MAX_EOS_IDS = 64;

/** Values that a sequence is made with. */
export interface SequenceInit {
  readonly requestId: string;
  readonly promptIds: readonly number[];
  readonly params: SamplingParams;
  /** The tokens that end a sequence unless its request ignores them; at most MAX_EOS_IDS. */
  readonly eosIds: readonly number[];
  /** Milliseconds of the engine's clock. */
  readonly arrival: number;
  /** The lower, the more urgent; 0 when left out. */
  readonly priority?: number;
  /** Shares KV blocks with sequences of the same group only; null, as when left out, shares with none. */
  readonly prefixGroup?: string | null;
}

/**
 * Reason why a prompt took no more tokens from the prefix cache than it did: sharing was `off`; the rest was `short`er
 * than a block; the next block was `new`, never computed before; or it had been `evicted`.
 */
export type PrefixMiss = 'off' | 'short' | 'new' | 'evicted';

/** Result of looking a prompt up in the prefix cache. */
export interface PrefixHit {
  /** Tokens whose keys and values are resident. */
  readonly numTokens: number;
  /** Reason why there are no more. */
  readonly miss: PrefixMiss;
}

/**
 * A prompt and the ids generated after it. Only the scheduler changes one; others take a `ReadonlySequence`.
 *
 * Tokens are known in three stages: computed (in the KV cache), on the host, and pending (sampled on the GPU, not read
 * yet). Ids are on the host before they are computed, except pending ones: the next step takes the newest on the GPU.
 */
export class Sequence {
  readonly requestId: string;
  readonly promptIds: readonly number[];
  readonly params: SamplingParams;
  readonly eosIds: readonly number[];
  readonly arrival: number;
  readonly priority: number;
  readonly prefixGroup: string | null;

  /** Generated ids on the host, the eos or stop id that ended the sequence included. */
  readonly ids: number[] = [];
  status: SequenceStatus = 'waiting';
  finishReason: FinishReason | null = null;
  /** The stop id that ended the sequence; null if it ended for any other reason, eos included. */
  stopTokenId: number | null = null;
  /** Tokens that are in the KV cache once every submitted step has run. */
  numComputedTokens = 0;
  /** Ids that submitted steps sample and the host has not read. */
  numPendingIds = 0;
  /** Rises when results in flight lose their meaning; a row that carries another epoch is dropped. */
  epoch = 0;
  /** Place in the queue, least first: the queue policy's rank, then the order of arrival. */
  rank = 0;
  order = 0;
  /** Prefix-cache hit of its first start; null before that start. */
  prefixHit: PrefixHit | null = null;
  numPreemptions = 0;
  /** Most tokens that were ever in the KV cache. */
  numEverComputedTokens = 0;
  /** Tokens computed again after preemptions. */
  numRecomputedTokens = 0;

  constructor({ requestId, promptIds, params, eosIds, arrival, priority = 0, prefixGroup = null }: SequenceInit) {
    this.requestId = requestId;
    this.promptIds = promptIds;
    this.params = params;
    this.eosIds = eosIds;
    this.arrival = arrival;
    this.priority = priority;
    this.prefixGroup = prefixGroup;
  }

  /** Prompt, ids on the host and pending ids. */
  get numTokens(): number {
    return this.promptIds.length + this.ids.length + this.numPendingIds;
  }

  /** Tokens that the next step of this sequence has to compute. */
  get numUncomputedTokens(): number {
    return this.numTokens - this.numComputedTokens;
  }

  /** True when the ids on the host and in flight reach `maxTokens`. */
  get isFullLength(): boolean {
    return this.ids.length + this.numPendingIds >= this.params.maxTokens;
  }
}

/** A sequence as everything but the scheduler sees it: only the scheduler changes one. */
export interface ReadonlySequence extends Readonly<Omit<Sequence, 'ids'>> {
  /** Generated ids on the host, the eos or stop id that ended the sequence included. */
  readonly ids: readonly number[];
}
