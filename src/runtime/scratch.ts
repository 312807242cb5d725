import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import { SPLIT_KEYS } from '../kernels/attention/attention.ts';
import { LOGPROB_WORDS } from '../kernels/logprobs/logprobs.ts';
import type { ModelConfig } from '../models/config.ts';
import { RangeValueError } from '../util/errors.ts';
import { ceilDiv } from '../util/math.ts';

/** The largest step that the activations hold, and the longest sequence. */
export interface ActivationSizes {
  /** T */
  readonly maxBatchTokens: number;
  /** S */
  readonly maxBatchSize: number;
  /** R */
  readonly maxLogitsRows: number;
  readonly maxModelLen: number;
}

/** Shapes of the tensors of `Activations`. */
export function activationShapes(config: ModelConfig, sizes: ActivationSizes) {
  const { numHeads: H, headDim: D, hiddenSize: C, mlpSize: F, vocabSize: V } = config;
  const { maxBatchTokens: T, maxBatchSize: S, maxLogitsRows: R, maxModelLen } = sizes;
  return {
    hidden: [T, C],
    normed: [Math.max(T, R), C],
    qkv: [T, 3 * C],
    attended: [T, C],
    partials: [S, H, ceilDiv(maxModelLen, SPLIT_KEYS), D + 2],
    mlp: [T, F],
    gathered: [R, C],
    logits: [R, V],
    adjusted: [S, V],
    sampled: [R, 2],
    logprobs: [R, LOGPROB_WORDS],
    nextTokens: [S],
  } as const;
}

/** What a step leaves between its kernels: tensors made once, for the largest step. */
export class Activations {
  /** [T, C] the residual stream. */
  readonly hidden: Tensor;
  /** [T, C] */
  readonly normed: Tensor;
  /** [T, 3C] */
  readonly qkv: Tensor;
  /** [T, C] attention output. */
  readonly attended: Tensor;
  /** [S, H, Z, D + 2] of decode rows: see shaders/attention_fold.wgsl. */
  readonly partials: Tensor;
  /** [T, F] */
  readonly mlp: Tensor;
  /** [R, C] last hidden states of the rows that need logits. */
  readonly gathered: Tensor;
  /** [R, V] of the model; nothing changes them. */
  readonly logits: Tensor;
  /** [S, V] logits to sample from in steps where some row has penalties, biases or masked ids. */
  readonly adjusted: Tensor;
  /** [R, 2] sampled id, and 1 where the logits were finite. */
  readonly sampled: Tensor;
  /** [R, LOGPROB_WORDS] of rows that asked; see shaders/logprobs.wgsl. */
  readonly logprobs: Tensor;
  /** [S] last sampled id of each token slot: here the next step finds ids that the host has not read. */
  readonly nextTokens: Tensor;

  constructor(device: Device, config: ModelConfig, sizes: ActivationSizes) {
    const shapes = activationShapes(config, sizes);
    this.hidden = Tensor.create(device, 'hidden', 'f32', shapes.hidden);
    this.normed = Tensor.create(device, 'normed', 'f32', shapes.normed);
    this.qkv = Tensor.create(device, 'qkv', 'f32', shapes.qkv);
    this.attended = Tensor.create(device, 'attended', 'f32', shapes.attended);
    this.partials = Tensor.create(device, 'partials', 'f32', shapes.partials);
    this.mlp = Tensor.create(device, 'mlp', 'f32', shapes.mlp);
    this.gathered = Tensor.create(device, 'gathered', 'f32', shapes.gathered);
    this.logits = Tensor.create(device, 'logits', 'f32', shapes.logits);
    this.adjusted = Tensor.create(device, 'adjusted logits', 'f32', shapes.adjusted);
    this.sampled = Tensor.create(device, 'sampled', 'u32', shapes.sampled);
    this.logprobs = Tensor.create(device, 'logprobs', 'u32', shapes.logprobs);
    this.nextTokens = Tensor.create(device, 'next tokens', 'i32', shapes.nextTokens);
  }

  /** Scratch tensor of a name. @throws RangeValueError for an unknown one. */
  get(name: string): Tensor {
    const tensor = new Map<string, unknown>(Object.entries(this)).get(name);
    if (tensor instanceof Tensor) return tensor;
    throw new RangeValueError('scratch tensor', name, `one of ${Object.keys(this).join(', ')}`);
  }

  /** Idempotent. */
  close(): void {
    for (const value of Object.values(this)) if (value instanceof Tensor) value.close();
  }
}
