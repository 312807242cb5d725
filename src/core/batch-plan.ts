// The flat arrays of one step: all that crosses from scheduling to a runner, so that a GPU and a simulator fit alike.
import type { Lease } from './lease.ts';
import type { LogitsAdjustment } from './logits-adjustment.ts';

/**
 * The flat arrays of one step, all that a Runner knows of the sequences in it.
 *
 * Letters: T tokens, S sequences, R rows that need logits, P block size. Rows come decode first, so tokens
 * `[0, numDecodeTokens)` are each the only token of their sequence in this step.
 */
export interface BatchPlan {
  /** T */
  readonly numTokens: number;
  /** S */
  readonly numSequences: number;
  /** Tokens `[0, numDecodeTokens)` belong to sequences with exactly one token in this step. */
  readonly numDecodeTokens: number;
  /** [T] token id, or `-1 - tokenSlot`: take the id from `nextTokens[tokenSlot]` on the GPU. */
  readonly tokenIds: Int32Array;
  /** [T] absolute position of the token in its sequence. */
  readonly positions: Int32Array;
  /** [T] KV slot = block · P + offset; −1 pads. */
  readonly slotMapping: Int32Array;
  /** [T] row of `blockTables` and `contextLens`. */
  readonly sequenceIndex: Int32Array;
  /** [S + 1] first token of each sequence, then T. */
  readonly queryStartLoc: Int32Array;
  /** [S] tokens of the sequence in the cache once this step has run. */
  readonly contextLens: Int32Array;
  /** [S, maxBlocks] block ids in order of position; −1 pads, and stands for blocks that no token of the step sees. */
  readonly blockTables: Int32Array;
  /** Row length of `blockTables`. */
  readonly maxBlocks: number;
  /** [R] index of the token whose logits are wanted, ascending. */
  readonly logitsRows: Int32Array;
  /** [R] how to sample from each row of logits. */
  readonly samplingRows: readonly SamplingRow[];
  /** Tokens of prompts whose logits score the next id of the prompt; absent where there are none. */
  readonly scored?: ScoredTokens | undefined;
  /** Sequences whose hidden states are added up for embeddings; absent where there are none. */
  readonly pooled?: readonly PooledTokens[] | undefined;
  /** Lease of the engine whose step it is; absent without an engine. */
  readonly lease?: Lease | undefined;
}

/** Tokens of a step, Q of them, each with the id that follows it in its prompt. */
export interface ScoredTokens {
  /** [Q] index of the token. */
  readonly rows: Int32Array;
  /** [Q] the id whose log-probability is wanted. */
  readonly targets: Int32Array;
  /** [Q] report this number of the most likely ids in its place, too. */
  readonly numTop: Int32Array;
}

/** Tokens of one sequence whose hidden states, after the last norm, are added up. */
export interface PooledTokens {
  /** Index of the first token. */
  readonly first: number;
  /** Index after the last. */
  readonly end: number;
  /** Slot of the sum. */
  readonly tokenSlot: number;
  /** True where the sum goes on from earlier steps. */
  readonly isContinued: boolean;
  /** Number of tokens that the mean is over, where these are the last of them; null where more come. */
  readonly total: number | null;
}

/** How one row of logits becomes the next token of its sequence. */
export interface SamplingRow {
  /** 0 is greedy. */
  readonly temperature: number;
  /** Keep the k most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set of tokens with at least this mass; 1 keeps all. */
  readonly topP: number;
  /** Keep tokens with at least this fraction of the best token's probability; 0 keeps all. */
  readonly minP: number;
  /** Integer in [0, 2^53). */
  readonly seed: number;
  /** Absolute position of the token that is being sampled: the noise is a function of (seed, position, token id). */
  readonly position: number;
  /** Where in `nextTokens` the sampled id is left for the next step. */
  readonly tokenSlot: number;
  /** How the logits change before they are sampled; null leaves them as they are. */
  readonly adjustment: LogitsAdjustment | null;
  /** Bits of the ids that may be sampled, in ceil(V / 32) words: bit `id & 31` of word `id >> 5`. Absent where any id may be. */
  readonly mask?: Uint32Array | undefined;
  /** Report the log-probabilities of the sampled id and of this number of the most likely ids; null reports none. */
  readonly logprobs: number | null;
}
