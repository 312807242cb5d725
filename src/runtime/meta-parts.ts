// A model's parts as shapes alone, to list its dispatches by: no file is read and no GPU is needed.
import { Tensor } from '../gpu/tensor.ts';
import { PackedWeight } from '../kernels/weights/packed-weight.ts';
import { vocabularyRanges } from '../kernels/weights/vocabulary-ranges.ts';
import { tiledShape, type WeightDType } from '../kernels/weights/weight-tiles.ts';
import { type ModelDefinition, modelTensors } from '../models/architecture.ts';
import { type ModelKernels, modelKernels } from '../models/kernels.ts';
import { type FusedTensor, fuseTensors, type TensorRole } from '../models/tensor-specs.ts';
import { storageOf, type WeightStorage } from '../models/weight-storage.ts';
import type { VocabularyRange, Weights } from '../models/weights.ts';
import type { Tuning } from '../tuning/tuning.ts';
import { RangeValueError } from '../util/errors.ts';
import type { ForwardParts } from './forward.ts';
import { kvCacheTensors } from './kv-cache.ts';
import { positionTableEntries } from './position-tables.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';
import { layerScratchTable, scratchTable } from './scratch.ts';
import { inputTable } from './step-inputs.ts';
import { makeTensors, type TensorEntry } from './tensor-table.ts';

/** Model whose dispatches are to be listed. */
export interface MetaModel {
  readonly model: ModelDefinition;
  readonly sizes: RuntimeSizes;
  /** Largest binding of the adapter, in bytes: it cuts the vocabulary into ranges. */
  readonly maxBindingBytes: number;
  /** Choices of variants. */
  readonly tuning: Pick<Tuning, 'choose' | 'fuses'>;
  readonly kernels?: ModelKernels | undefined;
}

/** Makes the parts of a model as shapes. */
export function metaParts({ model, sizes, maxBindingBytes, tuning, kernels = modelKernels }: MetaModel): ForwardParts {
  const { config } = model;
  const make = ({ label, dtype, shape }: TensorEntry) => Tensor.meta(label, dtype, shape);
  return {
    model,
    weights: metaWeights(model, sizes.storage, maxBindingBytes),
    kv: { dtype: sizes.kvDtype, layers: kvCacheTensors(config, sizes).map(make) },
    inputs: { tensors: makeTensors(inputTable(sizes), make) },
    scratch: makeTensors(scratchTable(config, sizes), make),
    layerScratch: makeTensors(layerScratchTable(model, sizes), make),
    positionTables: makeTensors(positionTableEntries(model, sizes), make),
    kernels,
    tuning,
    numSampledIds: config.vocabSize,
  };
}

function metaWeights(model: ModelDefinition, storage: WeightStorage, maxBindingBytes: number): Weights {
  const { hiddenSize: C, vocabSize: V } = model.config;
  const tiedHead = typeof storage === 'string' ? undefined : storage.tiedHead;
  const tensors = fuseTensors([...modelTensors(model, tiedHead)]);
  const byModule = new Map(tensors.map((tensor) => [`${tensor.role} ${tensor.module}`, tensor]));
  const find = (role: TensorRole, module: string): FusedTensor => {
    const tensor = byModule.get(`${role} ${module}`);
    if (tensor === undefined) throw new RangeValueError(role, module, 'a module of the model');
    return tensor;
  };
  const vector = (shape: readonly number[]) => Tensor.meta('vector', 'f32', shape);
  const matrix = (K: number, N: number, dtype: WeightDType) =>
    PackedWeight.over(Tensor.meta('matrix', 'u32', tiledShape(K, N, dtype)), [K, N], dtype);
  const vocabulary = (role: TensorRole): VocabularyRange[] | undefined => {
    const tensor = tensors.find((other) => other.role === role);
    if (tensor === undefined) return undefined;
    const dtype = storageOf(tensor, storage);
    return vocabularyRanges(V, C, dtype, maxBindingBytes).map((range) => ({
      ...range,
      w: matrix(C, range.size, dtype),
    }));
  };
  const embedding = vocabulary('embedding') ?? [];
  return {
    embedding,
    head: vocabulary('head') ?? embedding,
    noBias: vector([V]),
    norm: (module) => {
      const { shape } = find('gain', module);
      return { gamma: vector(shape), beta: vector(shape) };
    },
    linear: (module) => {
      const tensor = find('matrix', module);
      const [K = 0, N = 0] = tensor.shape;
      return { w: matrix(K, N, storageOf(tensor, storage)), bias: vector([N]) };
    },
    table: (module) => vector(find('table', module).shape),
  };
}
