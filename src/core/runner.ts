// The one seam between engine and GPU: a runner executes plans, whatever it runs on.
import type { BatchPlan } from './batch-plan.ts';

/** Limits of a model on a device: all that schedulers and request validation know of the GPU. */
export interface ModelLimits {
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
  /** Keys that a token sees in every layer, its own included; absent where it sees all before it. */
  readonly window?: number | undefined;
}

/** Most tokens of a sequence: the context, or fewer where the cache has no room for it. */
export function contextOf({ maxModelLen, numBlocks, blockSize }: ModelLimits): number {
  return Math.min(maxModelLen, numBlocks * blockSize);
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

/** When something ran on the GPU, by the GPU's clock. */
export interface GpuInterval {
  /** Nanoseconds from a zero that all steps of a runner share. */
  readonly start: number;
  readonly nanoseconds: number;
}

/** GPU time of one dispatch of a step. */
export interface StepKernel extends GpuInterval {
  /** Kernel and variant. */
  readonly label: string;
  /** Its sizes and scalars by name. */
  readonly dims: Readonly<Record<string, number>>;
  /**
   * Bytes moved and floating-point operations as the kernel declares them, without what depends on contexts. Null where
   * it declares none.
   */
  readonly cost: { readonly bytes: number; readonly flops: number } | null;
}

/** GPU time of a step, from the beginning of its first dispatch to the end of its last. */
export interface StepTimes extends GpuInterval {
  /** One a dispatch, in their order; empty unless the step was timed by `kernels`. */
  readonly kernels: readonly StepKernel[];
}

/** How to run a step. */
export interface ExecuteOptions {
  /**
   * Measures by the GPU's clock: the `step` as a whole, at next to no cost, or its `kernels` one by
   * one, which needs a pass a dispatch and slows the step down. The ids are the same.
   */
  readonly timed?: 'step' | 'kernels' | undefined;
}

/** Result of one step, in the order of `plan.logitsRows`. */
export interface StepResult {
  /** [R] sampled ids. */
  readonly ids: Int32Array;
  /** [R] 0 where the row's logits held an infinity or NaN: its id means nothing and only that request fails. */
  readonly finite: Uint8Array;
  /** [R] null for rows that did not ask; absent when none did. */
  readonly logprobs?: readonly (TokenLogprobs | null)[];
  /** [Q] log-probabilities of the ids in `plan.scored.targets`; NaN where the row's logits held an infinity or NaN. Absent without these. */
  readonly promptLogprobs?: readonly TokenLogprobs[];
  /** [C] each: means of hidden states, of the rows of `plan.pooled` that have a total, in order. Absent where none has. */
  readonly embeddings?: readonly Float32Array[];
  /** [R, V] raw logits, present only when the runner was asked to return them. */
  readonly logits?: Float32Array;
  /** Present only when the step was timed and the adapter has timestamps. */
  readonly times?: StepTimes;
}

/**
 * Runs steps. `execute` submits before it returns its promise, and steps run in the order they were submitted, so the
 * next step may be executed before the promise of this one has settled. Every promise settles: an engine that closes waits
 * for it.
 */
export interface Runner {
  readonly limits: ModelLimits;
  /**
   * Reason why no step can run any more, such as a lost device; null or absent while steps can run. Once set, it stays.
   */
  readonly failure?: Error | null | undefined;
  /**
   * Milliseconds from a submit that does next to nothing to its bytes on the host. Where steps are as short, an engine leaves two of
   * them unread, not one. Absent where that gains nothing, as on a software adapter.
   */
  readonly readbackMs?: number | undefined;
  /** Eos ids named by the model's files; its tokenizer may add others. */
  readonly eosIds: readonly number[];
  execute(plan: BatchPlan, options?: ExecuteOptions): Promise<StepResult>;
  /** Frees what the runner owns; idempotent. */
  close(): Promise<void>;
}
