// The forward pass of one step: the layers of a model and its head, interpreted by whatever receives the dispatches.
import type { Tensor } from '../gpu/tensor.ts';
import type { GPT2Config } from '../models/gpt2/config.ts';
import { gpt2LastNorm, gpt2Layers } from '../models/gpt2/layers.ts';
import type { GPT2Tensors } from '../models/gpt2/weights.ts';
import { lmHead as addHead, sampleRows } from '../models/head.ts';
import type { ModelKernels } from '../models/kernels.ts';
import type { Step, StepShape, StepSink } from '../models/step.ts';
import type { Tuning } from '../tuning/tuning.ts';
import type { KVCache } from './kv-cache.ts';
import { type Scratch, scratchTensor } from './scratch.ts';
import type { StepInputs } from './step-inputs.ts';

/** All that the forward pass of a model reads and writes. Its tensors may be shapes alone. */
export interface ForwardParts {
  readonly config: GPT2Config;
  readonly weights: GPT2Tensors;
  readonly kv: Pick<KVCache, 'layers' | 'dtype'>;
  readonly inputs: Pick<StepInputs, 'tensors'>;
  readonly scratch: Scratch;
  readonly kernels: ModelKernels;
  readonly tuning: Pick<Tuning, 'choose'>;
  /** Ids from here on are never sampled. */
  readonly numSampledIds: number;
}

/** Adds the forward pass over the tokens of one step, from token ids to sampled ids. */
export function forward(sink: StepSink, parts: ForwardParts, shape: StepShape): void {
  const { config, weights, numSampledIds } = parts;
  const step = stepOf(sink, parts);
  gpt2Layers(step, config, weights, shape);
  if (shape.numLogitsRows === 0) return;
  const norm = (hidden: Tensor, out: Tensor) => gpt2LastNorm(step, config, weights, hidden, out);
  const { hiddenSize, vocabSize } = config;
  sampleRows(step, { weights, lastNorm: norm, hiddenSize, vocabSize, numSampledIds }, shape);
}

/** Adds the last norm: out[R, C] of rows hidden[R, C] of the residual stream. */
export function lastNorm(sink: StepSink, parts: ForwardParts, hidden: Tensor, out: Tensor): void {
  gpt2LastNorm(stepOf(sink, parts), parts.config, parts.weights, hidden, out);
}

/** Adds the LM head: logits[R, V] of normed[R, C]. */
export function lmHead(sink: StepSink, parts: ForwardParts, normed: Tensor, logits: Tensor): void {
  addHead(stepOf(sink, parts), parts.weights, normed, logits);
}

/** The step of a sink over the parts of a model. */
function stepOf(sink: StepSink, { kernels, inputs, kv, tuning, scratch }: ForwardParts): Step {
  return {
    add: (kernel, tensors, scalars, choice, use) => sink.add(kernel, tensors, scalars, choice, use),
    tap: (module, shape) => sink.tap?.(module, shape) ?? null,
    passLayer: (module, hidden) => sink.passLayer?.(module, hidden),
    kernels,
    inputs: inputs.tensors,
    kvDtype: kv.dtype,
    choose: ({ name }, sizes) => tuning.choose(name, sizes),
    scratch: (name) => scratchTensor(scratch, name),
    keysAndValues: (layer) => kv.layers[layer]!,
  };
}
