// Exports of 'roseinfer': load a model, run requests.

import './util/platform-types.ts';

export type { BatchPlan, PooledTokens, SamplingRow, ScoredTokens } from './core/batch-plan.ts';
export { type Clock, systemClock } from './core/clock.ts';
export type { AllowedIds, ConstrainedIds, ConstrainedSequence } from './core/constrained-ids.ts';
export type { Constraint } from './core/constraint.ts';
export { ConstraintError } from './core/constraint-error.ts';
export { type Lease, RunnerInUseError } from './core/lease.ts';
export type { AdjustedSequence, LogitsAdjustment, TokenAdjustment } from './core/logits-adjustment.ts';
export {
  type BatchRow,
  type PlannedBatch,
  type PooledPositions,
  planBatch,
  type ScoredPositions,
} from './core/plan-batch.ts';
export type {
  ExecuteOptions,
  GpuInterval,
  ModelLimits,
  Runner,
  StepKernel,
  StepResult,
  StepTimes,
  TokenLogprob,
  TokenLogprobs,
} from './core/runner.ts';
export { RunnerClosedError } from './core/runner-closed-error.ts';
export { deriveSeed, type SamplingOptions, type SamplingParams } from './core/sampling-params.ts';
export type {
  FinishReason,
  Pooling,
  PrefixHit,
  PrefixMiss,
  ReadonlySequence,
  Sequence,
  SequenceInit,
  SequenceStatus,
} from './core/sequence.ts';
export type { ChatFormat, ChatReply, ChatRequest, ChatStream } from './engine/chat.ts';
export type { Embedding, EmbeddingOptions, EmbeddingRequest } from './engine/embedding.ts';
export { Engine } from './engine/engine.ts';
export type { EngineOptions } from './engine/engine-options.ts';
export {
  EngineClosedError,
  NoChatTemplateError,
  QueueFullError,
  RequestAbortedError,
  RequestFailedError,
  RunnerFailedError,
  SlowReaderError,
  StepResultError,
  UnknownRequestError,
} from './engine/errors.ts';
export type { EngineObserver } from './engine/observe/observers.ts';
export type { StepRecord, StepRecordRow } from './engine/observe/step-record.ts';
export type { TimelineKind, TimelineSpan, TimelineStep } from './engine/observe/timeline.ts';
export type { RequestTimings } from './engine/observe/timings.ts';
export type { QueueBounds } from './engine/queue-gate.ts';
export type { FinishedRequest, GenerationRequest, RequestHandle, ResumePoint, TextPiece } from './engine/request.ts';
export type { StreamOptions, TextStream } from './engine/text-stream.ts';
export { CheckpointError } from './formats/checkpoint-error.ts';
export { SafetensorsError } from './formats/safetensors-header.ts';
export type { AdapterChoice, AdapterIdentity } from './gpu/adapter.ts';
export type { Device } from './gpu/device.ts';
export type { DeviceOptions } from './gpu/device-options.ts';
export type { DeviceIdentity, DeviceTraits } from './gpu/device-traits.ts';
export type { Dispatch } from './gpu/dispatch.ts';
export { AdapterError, DeviceLostError, GpuError, KernelError, RequirementError, TensorError } from './gpu/errors.ts';
export type { Cost, Dims, Grid, Sizes } from './gpu/kernel-spec.ts';
export type { Program } from './gpu/program.ts';
export type { ReductionClass } from './gpu/reduction.ts';
export type { DType, Tensor, TensorData, TensorSource, WrapOptions } from './gpu/tensor.ts';
export {
  GrammarClosedError,
  GrammarFailedError,
  GrammarLimitError,
  GrammarRuleError,
  GrammarSyntaxError,
  StructuredOutputError,
  UnsupportedSchemaError,
} from './grammar/errors.ts';
export { GrammarCompiler, type GrammarCompilerOptions, type GrammarStats } from './grammar/grammar-compiler.ts';
export type { StructuredOutput } from './grammar/structured-output.ts';
export type { CallableTool, CallSyntax, ToolCallForm } from './grammar/tool-calls.ts';
export type { KVDType } from './kernels/kv-write/kv-write.ts';
export type { QuantizedRows } from './kernels/weights/quantized-rows.ts';
export type { OfferedDType, WeightDType } from './kernels/weights/weight-tiles.ts';
export { LLM, type Prompt, type PromptRequest, type StructuredChatRequest } from './llm.ts';
export { type LoadEngineOptions, type LoadOptions, load } from './load.ts';
export { type LoadedModel, loadModel } from './load-model.ts';
export { BUNDLED_MODEL } from './models/bundled-model.ts';
export { ConfigError, type ModelConfig } from './models/config.ts';
export { type ModelKernels, modelKernels } from './models/kernels.ts';
export type { MapWeight } from './models/mapped-source.ts';
export type { WeightSource } from './models/weight-source.ts';
export type { WeightStorage } from './models/weight-storage.ts';
export type {
  LoadModelOptions,
  LoadProgress,
  ModelDeviceOptions,
  StorageOptions,
} from './runtime/load-options.ts';
export { MemoryError, type MemoryPlan } from './runtime/memory-plan.ts';
export type { ModelOptions } from './runtime/model-parts.ts';
export type { ModelRunner, ModelRunnerOptions } from './runtime/model-runner.ts';
export type { RunnerOptions, RuntimeSizes } from './runtime/runtime-sizes.ts';
export type { WarmUpProgress } from './runtime/warm-up.ts';
export type { AdmissionPolicy, AdmissionState } from './scheduler/admission/admission-policy.ts';
export {
  type QueuePolicyName,
  queuePolicyNames,
  type SchedulerName,
  schedulerNames,
} from './scheduler/create-scheduler.ts';
export { PolicyError } from './scheduler/policy-error.ts';
export type { QueuePolicy } from './scheduler/queue/queue-policy.ts';
export { RequestTooLargeError } from './scheduler/request-too-large-error.ts';
export type { SchedulerStats } from './scheduler/scheduler.ts';
export type { ChatMessage } from './tokenizer/chat-template.ts';
export { ChatTemplateError, ChatTemplateRefusal } from './tokenizer/chat-template-errors.ts';
export type { ChatTool, ChatToolCall } from './tokenizer/chat-tools.ts';
export type { GGUFMetadata } from './tokenizer/gguf-vocabulary.ts';
export { type DecodeOptions, type EncodeOptions, Tokenizer, VocabSizeError } from './tokenizer/tokenizer.ts';
export { TokenizerError } from './tokenizer/tokenizer-error.ts';
export type { TuneMode } from './tuning/load-tuning.ts';
export type { Fallback } from './tuning/verify-tuning.ts';
export { RangeValueError, RoseinferError } from './util/errors.ts';
export type { Problem } from './util/model-file-error.ts';
export { ModelFileError } from './util/model-file-error.ts';
