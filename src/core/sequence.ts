// The life of one request as the scheduler sees it. All of its state stands here, so that books can be checked against it.
import type { ConstrainedIds } from './constrained-ids.ts';
import type { TokenLogprobs } from './runner.ts';
import type { SamplingParams } from './sampling-params.ts';

/** Where a sequence is in its life; a preempted one waits to be computed again. */
export type SequenceStatus = 'waiting' | 'running' | 'preempted' | 'finished';

/** Reason why a sequence ended: an eos token, a stop id or stop string, an embedding that is complete, `maxTokens` (or the context), its caller, or a fault. */
export type FinishReason = 'stop' | 'length' | 'abort' | 'error';

/** Choice of the hidden states that an embedding is the mean of: those of all tokens, or that of the last alone. */
export type Pooling = 'mean' | 'last';

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
  /** Ids that were generated after the prompt before, none of which ends it; none when left out. */
  readonly ids?: readonly number[];
  /** Number of the most likely ids to report in the place of each prompt id; null, as when left out, for no log-probabilities of these. */
  readonly promptLogprobs?: number | null;
  /** Pooling of the prompt's embedding, in place of ids; null, as when left out, for a sequence that generates. */
  readonly pooling?: Pooling | null;
  /** Rule for its ids, after those that it begins with; null, as when left out, for none. */
  readonly constraint?: ConstrainedIds | null;
}

/**
 * Reason why a prompt took no more tokens from the prefix cache than it did: sharing was `off`, or the log-probabilities of the
 * prompt or the mean of its hidden states were asked for, which takes all of its tokens; the rest was `short`er
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
  /** As of `SequenceInit`. */
  readonly promptLogprobs: number | null;
  /** As of `SequenceInit`. */
  readonly pooling: Pooling | null;
  /** As of `SequenceInit`. */
  readonly constraint: ConstrainedIds | null;

  /** Generated ids on the host, those that it began with and the eos or stop id that ended it included. */
  readonly ids: number[];
  /** Number of the ids that it began with. */
  readonly numResumedIds: number;
  /** Log-probabilities of the prompt's ids from the second on that are on the host. */
  readonly promptScores: TokenLogprobs[] = [];
  /** Those that submitted steps compute and the host has not read. */
  numPendingScores = 0;
  status: SequenceStatus = 'waiting';
  finishReason: FinishReason | null = null;
  /** The stop id that ended the sequence; null if it ended for any other reason, eos included. */
  stopTokenId: number | null = null;
  /** Tokens that are in the KV cache once every submitted step has run. */
  numComputedTokens = 0;
  /** Ids that submitted steps sample and the host has not read; 1 for an embedding that it has not read. */
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

  constructor(init: SequenceInit) {
    const { requestId, promptIds, params, eosIds, arrival, priority = 0, prefixGroup = null } = init;
    this.ids = [...(init.ids ?? [])];
    this.numResumedIds = this.ids.length;
    this.promptLogprobs = init.promptLogprobs ?? null;
    this.pooling = init.pooling ?? null;
    this.constraint = init.constraint ?? null;
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

  /** True while its next id can't be sampled: the ids that its constraint allows follow from all before, and are not there yet. */
  get isHeld(): boolean {
    return this.constraint !== null && (this.numPendingIds > 0 || this.constraint.allowed === null);
  }

  /** Tokens that the next step may compute: while the sequence is held, all but the one that the next id is sampled after. */
  get numRunnableTokens(): number {
    return this.isHeld ? this.numUncomputedTokens - 1 : this.numUncomputedTokens;
  }

  /** True when the ids on the host and in flight reach `maxTokens`. A sequence that generates none has one in flight, which is dropped, or its embedding. */
  get isFullLength(): boolean {
    return this.ids.length + this.numPendingIds >= Math.max(this.params.maxTokens, 1);
  }

  /** Tokens at its start whose keys and values may be taken from the cache: those after them have scores or sums to compute. */
  get maxCachedTokens(): number {
    if (this.pooling === 'mean') return 0;
    const numScored = this.promptScores.length + this.numPendingScores;
    const isScored = this.promptLogprobs === null || numScored >= this.promptIds.length - 1;
    return isScored ? Number.POSITIVE_INFINITY : numScored;
  }
}

/** A sequence as everything but the scheduler sees it: only the scheduler changes one. */
export interface ReadonlySequence extends Readonly<Omit<Sequence, 'ids' | 'promptScores'>> {
  /** Generated ids on the host, the eos or stop id that ended the sequence included. */
  readonly ids: readonly number[];
  /** Log-probabilities of the prompt's ids from the second on that are on the host. */
  readonly promptScores: readonly TokenLogprobs[];
}
