// Exports of 'roseinfer/research': a model without engine and sampler, to look inside and to change.
import '../util/platform-types.ts';

export type { AdapterChoice, AdapterIdentity } from '../gpu/adapter.ts';
export type { Device } from '../gpu/device.ts';
export type { DeviceOptions } from '../gpu/device-options.ts';
export type { DeviceIdentity, DeviceTraits } from '../gpu/device-traits.ts';
export { AdapterError, DeviceLostError, GpuError, KernelError, RequirementError, TensorError } from '../gpu/errors.ts';
export type { ReductionClass } from '../gpu/reduction.ts';
export type { DType, Tensor, TensorData, TensorSource, WrapOptions } from '../gpu/tensor.ts';
export type { KVDType } from '../kernels/kv-write/kv-write.ts';
export type { OfferedDType, WeightDType } from '../kernels/weights/weight-tiles.ts';
export { BUNDLED_MODEL } from '../models/bundled-model.ts';
export type { ModelConfig } from '../models/config.ts';
export { type ModelKernels, modelKernels } from '../models/kernels.ts';
export type { MapWeight } from '../models/mapped-source.ts';
export type { BlockPoint, PointName } from '../models/points.ts';
export type { LoadTextModelOptions, ModelDeviceOptions, StorageOptions } from '../runtime/load-options.ts';
export { MemoryError } from '../runtime/memory-plan.ts';
export type { ModelOptions } from '../runtime/model-parts.ts';
export type { RunnerOptions } from '../runtime/runtime-sizes.ts';
export type { GGUFMetadata } from '../tokenizer/gguf-vocabulary.ts';
export type { DecodeOptions, EncodeOptions, Tokenizer } from '../tokenizer/tokenizer.ts';
export type { TuneMode } from '../tuning/load-tuning.ts';
export type { Fallback } from '../tuning/verify-tuning.ts';
export { RangeValueError, RoseinferError } from '../util/errors.ts';
export {
  type ActivationPatchingOptions,
  activationPatching,
  type Metric,
  type PatchingScores,
} from './activation-patching.ts';
export { type AttentionPattern, type AttentionPatternOptions, attentionPattern } from './attention-pattern.ts';
export type { CachedText } from './cached-text.ts';
export type {
  AddEdit,
  DeviceEdit,
  EditContext,
  EditFunction,
  EditPlace,
  EditValues,
  KernelEdit,
  PointEdit,
  RunEdit,
  ScaleEdit,
  SetEdit,
} from './edits.ts';
export type { ForwardResult } from './forward-result.ts';
export { type AblationScores, type HeadAblationOptions, headAblation } from './head-ablation.ts';
export { type LoadedTextModel, loadTextModel } from './load-text-model.ts';
export { type LensLogits, type LogitLensOptions, logitLens } from './logit-lens.ts';
export type { ModelWeight, ModelWeights, WeightReplacement } from './model-weights.ts';
export {
  type NextTokensOptions,
  nextTokens,
  type TokenProb,
  type TopTokensOptions,
  topTokens,
} from './next-tokens.ts';
export { type Perplexity, type PerplexityOptions, perplexity } from './perplexity.ts';
export type {
  CacheOptions,
  ChooseId,
  ForwardOptions,
  GenerateOptions,
  PrefillOptions,
  ReplaceOptions,
  UnembedOptions,
} from './research-options.ts';
export { type SteeringVectorOptions, steeringVector } from './steering-vector.ts';
export type { TextModel } from './text-model.ts';
export { type TokenScore, type TokenScoresOptions, tokenScores } from './token-scores.ts';
