// What `import { … } from 'roseinfer'` gives: load a model, run requests.

import './util/platform-types.ts';

export type { BatchPlan, SamplingRow } from './core/batch-plan.ts';
export { type Clock, systemClock } from './core/clock.ts';
export { type Lease, RunnerInUseError } from './core/lease.ts';
export type { LogitsAdjustment, TokenAdjustment } from './core/logits-adjustment.ts';
export { type BatchRow, type PlannedBatch, planBatch } from './core/plan-batch.ts';
export type {
  ExecuteOptions,
  GpuInterval,
  Runner,
  RunnerLimits,
  StepKernel,
  StepResult,
  StepTimes,
  TokenLogprob,
  TokenLogprobs,
} from './core/runner.ts';
export { RunnerClosedError } from './core/runner-closed-error.ts';
export { deriveSeed, type SamplingOptions, type SamplingParams } from './core/sampling-params.ts';
export type { FinishReason, PrefixHit, PrefixMiss, ReadonlySequence, SequenceStatus } from './core/sequence.ts';
export { Engine } from './engine/engine.ts';
export type { EngineOptions } from './engine/engine-options.ts';
export {
  EngineClosedError,
  QueueFullError,
  RequestFailedError,
  RunnerFailedError,
  StepResultError,
  UnknownRequestError,
} from './engine/errors.ts';
export type { EngineObserver } from './engine/observe/observers.ts';
export type { StepRecord, StepRecordRow } from './engine/observe/step-record.ts';
export type { TimelineKind, TimelineSpan, TimelineStep } from './engine/observe/timeline.ts';
export type { RequestTimings } from './engine/observe/timings.ts';
export type { FinishedRequest, GenerationRequest, RequestHandle, TextPiece } from './engine/request.ts';
export type { TextStream } from './engine/text-stream.ts';
export type { AdapterIdentity } from './gpu/adapter.ts';
export { AdapterError, DeviceLostError, GpuError } from './gpu/errors.ts';
export { LLM, type Prompt } from './llm.ts';
export { type LoadEngineOptions, type LoadOptions, load } from './load.ts';
export { type LoadedGPT2, loadGPT2 } from './load-gpt2.ts';
export { BUNDLED_MODEL, type LoadedModel, loadModel } from './load-model.ts';
export type { LoadGPT2Options, LoadModelOptions, LoadProgress, ModelDeviceOptions } from './load-options.ts';
export { type GPT2Kernels, gpt2Kernels } from './models/gpt2/kernels.ts';
export { type Perplexity, type PerplexityOptions, perplexity } from './research/perplexity.ts';
export type { ChooseId, ForwardOptions, GenerateOptions, ReplaceOptions } from './research/research-options.ts';
export type { ForwardResult, GPT2Model } from './research/text-model.ts';
export { MemoryError, type MemoryPlan } from './runtime/memory-plan.ts';
export type { ModelRunner } from './runtime/model-runner.ts';
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
export { type DecodeOptions, type EncodeOptions, Tokenizer } from './tokenizer/tokenizer.ts';
export { RangeValueError, RoseinferError } from './util/errors.ts';
export { ModelFileError } from './util/model-file-error.ts';
