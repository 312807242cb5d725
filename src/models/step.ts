// The step as a model's layers see it: a sink of dispatches, and the runtime's tensors and choices of variants by name. A
// recorder, a compiler, a recorder with probes and a list of dispatches are sinks of the same layers.
import type { Kernel } from '../gpu/kernel.ts';
import type { ChoiceOf, Dims, KernelSpec, ScalarsOf, TensorsOf, VariantChoice } from '../gpu/kernel-spec.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { KVDType } from '../kernels/kv-write/kv-write.ts';
import type { ModelKernels } from './kernels.ts';
import type { PointName } from './points.ts';
import type { ProbeKernels } from './probe-kernels.ts';

/** Sizes of one step; equal sizes run the same dispatches. */
export interface StepShape {
  /** T. */
  readonly numTokens: number;
  /** Tokens of sequences that have one token in this step; they come first. */
  readonly numDecodeTokens: number;
  /** Query tiles of the other tokens. */
  readonly numPrefillTiles: number;
  /** Splits that decode tokens are divided into, at least those of the longest context among them. */
  readonly numDecodeSplits: number;
  /** R: rows that need logits. */
  readonly numLogitsRows: number;
  /** True where the rows that need logits are all tokens, in order. */
  readonly logitsOfAll: boolean;
  /** True where some row samples from other logits than the model's. */
  readonly adjustsLogits: boolean;
  /** True where some row may sample some ids only. */
  readonly masksLogits: boolean;
  /** True where some row reports log-probabilities. */
  readonly reportsLogprobs: boolean;
  /** Q: tokens that score the next id of their prompt. */
  readonly numScoredTokens: number;
  /** Sequences whose hidden states are added up. */
  readonly numPooledRows: number;
}

/** Probes of a step of one text: points that are read or changed, before anything uses them. */
export interface StepProbes {
  readonly kernels: ProbeKernels;
  /** X, tokens of the context: those before the step, and its own. */
  readonly numKeys: number;
  /** [T] 0, 1, 2, … */
  readonly rows: Tensor;
  /** Tells whether a point is read or changed. */
  has(point: PointName): boolean;
  /** Tells whether a point is changed. */
  changes(point: PointName): boolean;
  /** Adds what changes and reads a point. @param value its values, in its own shape and with no others in its binding. */
  visit(point: PointName, value: Tensor): void;
  /** Returns a tensor of f32 for a while: until another of the same label and shape is asked for, or the step ends. */
  scratch(label: string, shape: readonly number[]): Tensor;
}

/** Receiver of the dispatches of a step, and of its points. */
export interface StepSink {
  /** Points that are read or changed; none when absent or null. */
  readonly probes?: StepProbes | null;
  /** Receives a dispatch. @param use its place in the model, such as `LM head`, for a kernel that has several. */
  add<S extends KernelSpec>(
    kernel: Kernel<S>,
    tensors: TensorsOf<S>,
    scalars: ScalarsOf<S>,
    choice?: ChoiceOf<S>,
    use?: string,
  ): unknown;
}

/** Inputs that the host writes before a step, as large as the largest step needs them. A: blocks of the longest sequence. */
export interface StepInputTensors {
  /** [T] */
  readonly tokenIds: Tensor;
  /** [T] */
  readonly positions: Tensor;
  /** [T] */
  readonly slotMapping: Tensor;
  /** [T] */
  readonly sequenceIndex: Tensor;
  /** [T, 2] first token and number of tokens of each query tile. */
  readonly queryTiles: Tensor;
  /** [R] */
  readonly logitsRows: Tensor;
  /** [R, SAMPLING_WORDS]; see shaders/sample_row.wgsl. */
  readonly sampling: Tensor;
  /** [S, A] */
  readonly blockTables: Tensor;
  /** [R] 1 + the number of most likely ids to report, or 0 for no log-probabilities; see shaders/logprobs.wgsl. */
  readonly wantedLogprobs: Tensor;
  /** [S, POOL_ROW_WORDS]; see shaders/pool_hidden.wgsl. */
  readonly pooledRows: Tensor;
  /** [S, ADJUST_ROW_WORDS]; see shaders/adjust_logits.wgsl. */
  readonly adjustRows: Tensor;
  /** [E, ADJUST_ENTRY_WORDS] */
  readonly adjustEntries: Tensor;
  /** [chunks, words] tokens that score the next id of their prompt, as many a chunk as there are rows of logits. */
  readonly scoredRows: Tensor;
  /** [chunks, words] the ids that they score. */
  readonly scoredIds: Tensor;
  /** [chunks, words] as `wantedLogprobs`. */
  readonly scoredWanted: Tensor;
  /** [S] row of `masks` of each row of logits; see shaders/mask_logits.wgsl. */
  readonly maskRows: Tensor;
  /** [S, ceil(V / 32)] */
  readonly masks: Tensor;
}

/** Step to which a model's layers add their dispatches. */
export interface Step extends StepSink {
  readonly probes: StepProbes | null;
  readonly kernels: ModelKernels;
  readonly inputs: StepInputTensors;
  readonly kvDtype: KVDType;
  /**
   * Chooses the variant of a kernel for some sizes, as measured on this adapter or by default: a matter of speed, for all
   * of them give the same bits.
   */
  choose(kernel: Kernel, sizes: Dims): VariantChoice;
  /**
   * Chooses the variant of a fused kernel for some sizes, or null where the kernels that it stands for run: where they are
   * faster, give other bits, or have others in their places.
   */
  fuse(kernel: Kernel, sizes: Dims): VariantChoice | null;
  /** Returns a scratch tensor, as large as the largest step needs it. @throws RangeValueError for an unknown name. */
  scratch(name: string): Tensor;
  /** Returns a table that the architecture computes, with a row for each position. @throws RangeValueError for an unknown name. */
  positionTable(name: string): Tensor;
  /** Returns the keys and values [B, 2, G, P, W] of a layer. */
  keysAndValues(layer: number): Tensor;
}
