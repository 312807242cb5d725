import type { BatchPlan } from './batch-plan.ts';

/** What a Runner can hold; schedulers and request validation read these numbers and nothing else of the GPU. */
export interface RunnerLimits {
  /** Sequences per step; also the number of token slots. */
  readonly maxBatchSize: number;
  /** Tokens per step. */
  readonly maxBatchTokens: number;
  /** Tokens per sequence, prompt and completion together. */
  readonly maxModelLen: number;
  /** Blocks in the KV pool. */
  readonly numBlocks: number;
  /** Tokens per block. */
  readonly blockSize: number;
  readonly vocabSize: number;
}

/** A token id and its log-probability, in nats, by the raw logits: before bias, penalties, temperature and filters. */
export interface TokenLogprob {
  readonly id: number;
  readonly logprob: number;
}

/** A sampled id and the most likely ids in its place. */
export interface TokenLogprobs extends TokenLogprob {
  /** The most likely first, the lower id first among equals. */
  readonly top: readonly TokenLogprob[];
}

/** What comes back from one step, in the order of `plan.logitsRows`. */
export interface StepResult {
  /** [R] sampled ids. */
  readonly ids: Int32Array;
  /** [R] 0 where the row's logits held an infinity or NaN: its id means nothing and only that request fails. */
  readonly finite: Uint8Array;
  /** [R] null for rows that did not ask; absent when none did. */
  readonly logprobs?: readonly (TokenLogprobs | null)[];
  /** [R, V] raw logits, present only when the runner was asked to return them. */
  readonly logits?: Float32Array;
}

/**
 * Runs steps. `execute` submits before it returns its promise, and steps run in the order they were submitted, so the
 * next step may be executed before the promise of this one has settled.
 */
export interface Runner {
  readonly limits: RunnerLimits;
  execute(plan: BatchPlan): Promise<StepResult>;
  /** Frees what the runner owns; idempotent. */
  close(): Promise<void>;
}
