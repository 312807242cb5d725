// A model's parts as shapes alone: nothing is read and no GPU is needed to list what it would run.
import { Tensor } from '../gpu/tensor.ts';
import { PackedWeight } from '../kernels/weights/packed-weight.ts';
import { vocabularyRanges } from '../kernels/weights/vocabulary-ranges.ts';
import { tiledShape, type WeightDType } from '../kernels/weights/weight-tiles.ts';
import type { GPT2Config } from '../models/gpt2/config.ts';
import type { GPT2Tensors } from '../models/gpt2/weights.ts';
import { type ModelKernels, modelKernels } from '../models/kernels.ts';
import type { LinearWeights, VocabularyRange } from '../models/weights.ts';
import type { Tuning } from '../tuning/tuning.ts';
import type { ForwardParts } from './forward.ts';
import { kvCacheTensors } from './kv-cache.ts';
import type { RuntimeSizes } from './runner-sizes.ts';
import { scratchTable } from './scratch.ts';
import { inputTable } from './step-inputs.ts';
import { makeTensors, type TensorEntry } from './tensor-table.ts';

/** A model that is to be listed. */
export interface MetaModel {
  readonly config: GPT2Config;
  readonly sizes: RuntimeSizes;
  /** Largest binding of the adapter, in bytes: it cuts the vocabulary into ranges. */
  readonly maxBindingBytes: number;
  /** Choices of variants. */
  readonly tuning: Pick<Tuning, 'choose'>;
  readonly kernels?: ModelKernels | undefined;
}

/** Makes the parts of a model as shapes. */
export function metaParts({ config, sizes, maxBindingBytes, tuning, kernels = modelKernels }: MetaModel): ForwardParts {
  const make = ({ label, dtype, shape }: TensorEntry) => Tensor.meta(label, dtype, shape);
  return {
    config,
    weights: metaWeights(config, sizes.dtype, maxBindingBytes),
    kv: { dtype: sizes.kvDtype, layers: kvCacheTensors(config, sizes).map(make) },
    inputs: { tensors: makeTensors(inputTable(sizes), make) },
    scratch: makeTensors(scratchTable(config, sizes), make),
    kernels,
    tuning,
    numSampledIds: config.vocabSize,
  };
}

function metaWeights(config: GPT2Config, dtype: WeightDType, maxBindingBytes: number): GPT2Tensors {
  const { hiddenSize: C, mlpSize: F, vocabSize: V, numLayers, numPositions } = config;
  const vector = (size: number) => Tensor.meta('vector', 'f32', [size]);
  const matrix = (K: number, N: number) =>
    PackedWeight.over(Tensor.meta('matrix', 'u32', tiledShape(K, N, dtype)), [K, N], dtype);
  const norm = () => ({ gamma: vector(C), beta: vector(C) });
  const linear = (K: number, N: number): LinearWeights => ({ w: matrix(K, N), bias: vector(N) });
  const vocabulary = (): VocabularyRange[] =>
    vocabularyRanges(V, C, dtype, maxBindingBytes).map((range) => ({ ...range, w: matrix(C, range.size) }));
  return {
    dtype,
    layers: Array.from({ length: numLayers }, () => ({
      norm1: norm(),
      qkv: linear(C, 3 * C),
      projection: linear(C, C),
      norm2: norm(),
      fc: linear(C, F),
      fcProjection: linear(F, C),
    })),
    finalNorm: norm(),
    positions: Tensor.meta('positions', 'f32', [numPositions, C]),
    embedding: vocabulary(),
    head: vocabulary(),
    noBias: vector(V),
  };
}
