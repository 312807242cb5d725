// Exports of 'roseinfer/kernels': the kernels, and the types and functions to run, record and time them.
import '../util/platform-types.ts';

export { findAdapter } from '#platform';
export type { AdapterChoice, AdapterIdentity, FoundAdapter } from '../gpu/adapter.ts';
export type { BuiltKernel } from '../gpu/compile-kernel.ts';
export { type Device, openDevice } from '../gpu/device.ts';
export type { DeviceOptions } from '../gpu/device-options.ts';
export type { DeviceIdentity, DeviceTraits } from '../gpu/device-traits.ts';
export type { Dispatch } from '../gpu/dispatch.ts';
export { AdapterError, DeviceLostError, GpuError, KernelError, RequirementError, TensorError } from '../gpu/errors.ts';
export { defineKernel, Kernel } from '../gpu/kernel.ts';
export {
  type BindingSpec,
  type Bindings,
  type ChoiceOf,
  type Cost,
  type Dim,
  type Dims,
  type DimsOf,
  type Grid,
  type KernelSpec,
  type PackedBinding,
  read,
  readPacked,
  type ScalarsOf,
  type ScalarType,
  type ShaderChoice,
  type Sizes,
  type Solvable,
  type TensorBinding,
  type TensorsOf,
  type Variant,
  type VariantChoice,
  type VariantOf,
  write,
} from '../gpu/kernel-spec.ts';
export type { GpuSpan, KernelTime } from '../gpu/kernel-timer.ts';
export { PackedMatrix } from '../gpu/packed-matrix.ts';
export {
  formatPrints,
  type PrintedLine,
  type PrintFilter,
  type PrintOptions,
  type Prints,
  type RunOptions,
} from '../gpu/print.ts';
export { type KernelTotal, profile, totalTimes } from '../gpu/profiler.ts';
export type { Program } from '../gpu/program.ts';
export { Recorder } from '../gpu/recorder.ts';
export type { ReductionClass } from '../gpu/reduction.ts';
export { ShaderError } from '../gpu/shader-error.ts';
export { type DType, Tensor, type TensorData, type TensorSource, type WrapOptions } from '../gpu/tensor.ts';
export {
  type Baseline,
  type BaselineChange,
  type BaselineTiming,
  baselineOf,
  type CompareBaselineOptions,
  compareBaseline,
} from '../timing/baseline.ts';
export {
  type CompareTimesOptions,
  type ContestantTiming,
  compare,
  formatComparison,
  type SpeedVerdict,
  type TimeComparison,
  type TimeRatio,
} from '../timing/compare.ts';
export type { Works } from '../timing/contest.ts';
export type { Limiter, LimiterKind } from '../timing/limiter.ts';
export type { Interval } from '../timing/median-interval.ts';
export { type ElementBound, type OutputBound, OutputMismatchError, type OutputStart } from '../timing/outputs.ts';
export type { Roofline } from '../timing/roofline.ts';
export { measureRoofline } from '../timing/roofline-probe.ts';
export type { TimingMode } from '../timing/sampler.ts';
export { type TimeOptions, type TimeProgramOptions, time, timeProgram } from '../timing/time.ts';
export type { Timing } from '../timing/timing.ts';
export type { KernelWork, Outputs, ProgramWork } from '../timing/work.ts';
export { RangeValueError, RoseinferError } from '../util/errors.ts';
export { adjustLogits } from './adjust-logits/adjust-logits.ts';
export { attention, attentionFold, attentionSplit } from './attention/attention.ts';
export { attentionNaive } from './attention/attention-naive.ts';
export { embed, embedTokens } from './embed/embed.ts';
export { gatherRows } from './gather-rows/gather-rows.ts';
export { type KVDType, kvRowWords, kvWrite } from './kv-write/kv-write.ts';
export { layernorm } from './layernorm/layernorm.ts';
export { layernormNaive } from './layernorm/layernorm-naive.ts';
export { logprobs } from './logprobs/logprobs.ts';
export { maskLogits } from './mask-logits/mask-logits.ts';
export { fillsKVRow, matmul, matmulKVWrite } from './matmul/matmul.ts';
export { matmulNaive } from './matmul/matmul-naive.ts';
export { normMatmul, normMatmulKVWrite, rmsnormMatmul } from './matmul/norm-matmul.ts';
export { siluMulNaive } from './matmul/silu-mul-naive.ts';
export { poolHidden } from './pool-hidden/pool-hidden.ts';
export { rmsnorm } from './rmsnorm/rmsnorm.ts';
export { rmsnormNaive } from './rmsnorm/rmsnorm-naive.ts';
export { normRopeKVWrite, ropeKVWrite } from './rope-kv-write/rope-kv-write.ts';
export { ropeNaive } from './rope-kv-write/rope-naive.ts';
export { sample, sampleProbs } from './sample/sample.ts';
export { sampleNaive } from './sample/sample-naive.ts';
export { type MatrixSource, type PackWeightOptions, packWeight } from './weights/pack-weight.ts';
export { PackedWeight } from './weights/packed-weight.ts';
export type { QuantizedRows } from './weights/quantized-rows.ts';
export {
  packTiles,
  type StorageCondition,
  type StorageConditions,
  storedValues,
  tiledShape,
  type WeightDType,
  type WeightOrder,
  weightConditions,
} from './weights/weight-tiles.ts';
