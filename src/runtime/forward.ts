// The forward pass of one step: the layers of a model and its head, interpreted by the sink that receives its dispatches.
import type { Kernel } from '../gpu/kernel.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { fusionOf } from '../kernels/fusions.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import { addNorm } from '../models/blocks.ts';
import { lmHead as addHead, poolRows, sampleRows, scoreTokens } from '../models/head.ts';
import type { ModelKernels } from '../models/kernels.ts';
import type { Step, StepShape, StepSink } from '../models/step.ts';
import type { Weights } from '../models/weights.ts';
import type { Tuning } from '../tuning/tuning.ts';
import type { KVCache } from './kv-cache.ts';
import type { Scratch } from './scratch.ts';
import type { StepInputs } from './step-inputs.ts';
import { tensorOf } from './tensor-table.ts';

/** Tensors, kernels and choices that the forward pass of a model takes. The tensors may be shapes alone. */
export interface ForwardParts {
  readonly model: ModelDefinition;
  readonly weights: Weights;
  readonly kv: Pick<KVCache, 'layers' | 'dtype'>;
  readonly inputs: Pick<StepInputs, 'tensors'>;
  readonly scratch: Scratch;
  /** Scratch tensors that the layers have of their own. */
  readonly layerScratch: Readonly<Record<string, Tensor>>;
  /** Tables that the architecture computes, by name. */
  readonly positionTables: Readonly<Record<string, Tensor>>;
  readonly kernels: ModelKernels;
  readonly tuning: Pick<Tuning, 'choose' | 'fuses'>;
  /** Ids from here on are never sampled. */
  readonly numSampledIds: number;
}

/** Adds the forward pass over the tokens of one step, from token ids to sampled ids. */
export function forward(sink: StepSink, parts: ForwardParts, shape: StepShape): void {
  const { model, weights, numSampledIds } = parts;
  const step = stepOf(sink, parts);
  model.layers(step, weights, shape);
  const norm = (hidden: Tensor, out: Tensor) => model.lastNorm(weights, hidden, out);
  const { hiddenSize, vocabSize } = model.config;
  const head = { weights, lastNorm: norm, hiddenSize, vocabSize, numSampledIds };
  if (shape.numPooledRows > 0) poolRows(step, head, shape);
  scoreTokens(step, head, shape);
  if (shape.numLogitsRows > 0) sampleRows(step, head, shape);
}

/** Adds the last norm: out[R, C] of rows hidden[R, C] of the residual stream. */
export function lastNorm(sink: StepSink, parts: ForwardParts, hidden: Tensor, out: Tensor): void {
  addNorm(stepOf(sink, parts), parts.model.lastNorm(parts.weights, hidden, out));
}

/** Adds the LM head: logits[R, V] of normed[R, C]. */
export function lmHead(sink: StepSink, parts: ForwardParts, normed: Tensor, logits: Tensor): void {
  addHead(stepOf(sink, parts), parts.weights, normed, logits);
}

/** Makes the step of a sink over the parts of a model. */
function stepOf(sink: StepSink, parts: ForwardParts): Step {
  const { kernels, inputs, kv, tuning, scratch, layerScratch, positionTables } = parts;
  const tensors = { ...scratch, ...layerScratch };
  const own = new Set<Kernel>(Object.values(kernels));
  return {
    add: (kernel, operands, scalars, choice, use) => sink.add(kernel, operands, scalars, choice, use),
    probes: sink.probes ?? null,
    kernels,
    inputs: inputs.tensors,
    kvDtype: kv.dtype,
    choose: ({ name }, sizes) => tuning.choose(name, sizes),
    fuse: ({ name }, sizes) => {
      const fusion = fusionOf(name);
      const fuses = fusion?.parts.every(({ kernel }) => own.has(kernel)) && tuning.fuses(fusion, sizes);
      return fuses ? tuning.choose(name, sizes) : null;
    },
    scratch: (name) => tensorOf('scratch tensor', tensors, name),
    positionTable: (name) => tensorOf('position table', positionTables, name),
    keysAndValues: (layer) => kv.layers[layer]!,
  };
}
