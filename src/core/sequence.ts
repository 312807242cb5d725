import type { SamplingParams } from './sampling-params.ts';

export type SequenceStatus = 'waiting' | 'running' | 'preempted' | 'finished';

/** Why a sequence ended: its eos token, a stop id or stop string, `maxTokens` (or the context), its caller, or a fault. */
export type FinishReason = 'stop' | 'length' | 'abort' | 'error';

export interface SequenceInit {
  readonly requestId: string;
  readonly promptIds: readonly number[];
  readonly params: SamplingParams;
  /** The token that ends a sequence, if the model has one. */
  readonly eosId: number | null;
  /** Milliseconds of the engine's clock. */
  readonly arrival: number;
}

/**
 * A prompt and what has been generated behind it. Only the scheduler changes one; everybody else reads.
 *
 * Tokens are known in three stages: computed (in the KV cache), on the host, and pending (sampled on the GPU, not read
 * yet). Ids are on the host before they are computed, except the pending one, which the next step takes on the GPU.
 */
export class Sequence {
  readonly requestId: string;
  readonly promptIds: readonly number[];
  readonly params: SamplingParams;
  readonly eosId: number | null;
  readonly arrival: number;

  /** Generated ids on the host, the eos or stop id that ended the sequence included. */
  readonly ids: number[] = [];
  status: SequenceStatus = 'waiting';
  finishReason: FinishReason | null = null;
  /** The stop id that ended the sequence; null when something else did, be it the eos. */
  stopTokenId: number | null = null;
  /** Tokens that are in the KV cache once every submitted step has run. */
  numComputedTokens = 0;
  /** Ids that submitted steps sample and the host has not read. */
  numPendingIds = 0;
  /** Rises when results in flight lose their meaning; a row that carries another epoch is dropped. */
  epoch = 0;

  constructor({ requestId, promptIds, params, eosId, arrival }: SequenceInit) {
    this.requestId = requestId;
    this.promptIds = promptIds;
    this.params = params;
    this.eosId = eosId;
    this.arrival = arrival;
  }

  /** Prompt, ids on the host and pending ids. */
  get numTokens(): number {
    return this.promptIds.length + this.ids.length + this.numPendingIds;
  }

  /** Tokens that the next step of this sequence has to compute. */
  get numUncomputedTokens(): number {
    return this.numTokens - this.numComputedTokens;
  }

  /** Whether the ids on the host and in flight are all that it may generate. */
  get isFullLength(): boolean {
    return this.ids.length + this.numPendingIds >= this.params.maxTokens;
  }
}
