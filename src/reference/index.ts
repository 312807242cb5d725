// Exports of 'roseinfer/reference': operators and models in float64 on the CPU, and bounds of the distance of f32 from them.
import '../util/platform-types.ts';

export { RangeValueError, RoseinferError } from '../util/errors.ts';
export { type AttentionDims, attention, attentionOfPattern, attentionPattern } from './attention.ts';
export { erf, erfc } from './erf.ts';
export { additionBound, halfBound, sumBound } from './error-bounds.ts';
export { ReferenceGPT2, type ReferenceGPT2Config, type ReferenceGPT2State } from './gpt2.ts';
export { type ReferenceKVDType, ReferenceLlama, type ReferenceLlamaConfig, type ReferenceLlamaState } from './llama.ts';
export { embed, type ForwardOptions, type ReferenceOutput, type WeightLookup } from './model.ts';
export {
  argmax,
  gelu,
  geluNew,
  layerNorm,
  logSoftmax,
  matmul,
  matmulTransposed,
  relu,
  rmsNorm,
  silu,
  softmax,
} from './operators.ts';
export { type ReferenceRope, rotate } from './rope.ts';
export {
  adjustLogits,
  gumbelSample,
  type LogitPenalties,
  processLogits,
  type SamplingFilters,
} from './sampling.ts';
