// Steps of the research model: whole texts, or the end of one whose beginning is in the cache, through layers and head. What
// becomes of the logits is the caller's affair.
import { type BatchRow, planBatch } from '../core/plan-batch.ts';
import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import { forward, lastNorm, lmHead } from '../runtime/forward.ts';
import { closeParts, type ModelParts } from '../runtime/model-parts.ts';
import type { RuntimeSizes } from '../runtime/runtime-sizes.ts';
import { stepShape } from '../runtime/step-shape.ts';
import { ceilDiv } from '../util/math.ts';
import { TappedRecorder } from './tapped-recorder.ts';

/** Rows of logits that are held at a time; a multiple of 64 keeps every chunk of rows at an aligned offset. */
export const CHUNK_ROWS = 64;

/** Sampling of a row for `planBatch`: nothing is sampled here. */
const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };

/** Rows [first, first + count) of a step. */
export interface RowRange {
  readonly first: number;
  readonly count: number;
}

/** Destination of the logits of a step, CHUNK_ROWS rows or fewer at a time. */
export interface LogitsSink {
  /** [T, V] for all logits; without it each chunk takes the place of the one before. */
  readonly logits?: Tensor;
  /** Adds what is computed from a chunk of logits [count, V]. */
  readonly use?: (step: TappedRecorder, logits: Tensor, rows: RowRange) => void;
}

/** Ids, of which those before `start` are in the cache. */
interface StartedText {
  readonly promptIds: readonly number[];
  readonly start: number;
}

/** Runs a model's layers and head over texts, one step after another. It owns the model's parts. */
export class TextSteps {
  /** Parts of the model; those of the next step may have another kernel. */
  parts: ModelParts;
  readonly #device: Device;
  readonly #sizes: RuntimeSizes;
  /** [T] 0, 1, …, T − 1 */
  readonly #rows: Tensor;

  constructor(device: Device, parts: ModelParts, sizes: RuntimeSizes) {
    const rows = Int32Array.from({ length: sizes.maxBatchTokens }, (_, t) => t);
    this.parts = parts;
    this.#device = device;
    this.#sizes = sizes;
    this.#rows = Tensor.from(device, 'rows', rows);
  }

  /**
   * Runs texts from their start, those of one token first; returns the tapped modules' outputs.
   *
   * @throws RangeValueError for a module that the model does not have; GpuError; DeviceLostError.
   */
  async run(
    texts: readonly (readonly number[])[],
    taps: readonly string[],
    sink: LogitsSink,
  ): Promise<ReadonlyMap<string, Tensor>> {
    const step = new TappedRecorder(this.#device, this.parts.kernels, this.#rows, taps);
    const started = texts.map((promptIds) => ({ promptIds, start: 0 }));
    try {
      this.#addHead(step, this.#addLayers(step, started), sink);
      await this.#submit(step);
      return step.taps;
    } catch (error) {
      step.close();
      throw error;
    }
  }

  /** Computes the logits [V] after a text. @throws GpuError; DeviceLostError. */
  async nextLogits(text: StartedText): Promise<Float32Array> {
    const { kernels, scratch, inputs, model } = this.parts;
    const { hiddenSize: C, vocabSize: V } = model.config;
    const step = new TappedRecorder(this.#device, kernels, this.#rows, []);
    const numTokens = this.#addLayers(step, [text]);
    const [x, out] = [scratch.hidden.prefix([numTokens, C]), scratch.gathered.prefix([1, C])];
    step.add(kernels.gatherRows, { x, rows: inputs.tensors.logitsRows.prefix([1]), out }, {});
    const logits = scratch.logits.prefix([1, V]);
    const normed = scratch.normed.prefix([1, C]);
    lastNorm(step, this.parts, out, normed);
    lmHead(step, this.parts, normed, logits);
    await this.#submit(step);
    return logits.readF32();
  }

  /** Idempotent. */
  close(): void {
    closeParts(this.parts);
    this.#rows.close();
  }

  /** Adds all layers over the ids from `start` on; returns the number of tokens. One-token texts must come first. */
  #addLayers(step: TappedRecorder, texts: readonly StartedText[]): number {
    const { blockSize } = this.#sizes;
    let numBlocks = 0;
    const rows = texts.map(({ promptIds, start }, tokenSlot): BatchRow => {
      const first = numBlocks;
      numBlocks += ceilDiv(promptIds.length, blockSize);
      const blockTable = Array.from({ length: numBlocks - first }, (_, block) => first + block);
      const sequence = { promptIds, ids: [], params: GREEDY };
      return { sequence, start, numTokens: promptIds.length - start, samples: true, tokenSlot, blockTable };
    });
    const { plan } = planBatch(rows, this.#sizes);
    const shape = stepShape(plan, this.parts.inputs.write(plan), this.#sizes);
    forward(step, this.parts, { ...shape, numLogitsRows: 0 });
    return plan.numTokens;
  }

  /** Adds the last norm and the LM head of every row. */
  #addHead(step: TappedRecorder, numTokens: number, { logits, use }: LogitsSink): void {
    const { scratch, model } = this.parts;
    const { hiddenSize: C, vocabSize: V } = model.config;
    const normed = scratch.normed.prefix([numTokens, C]);
    lastNorm(step, this.parts, scratch.hidden.prefix([numTokens, C]), normed);
    for (let first = 0; first < numTokens; first += CHUNK_ROWS) {
      const rows = { first, count: Math.min(CHUNK_ROWS, numTokens - first) };
      const chunk = logits ? rowsOf(this.#device, logits, rows) : scratch.logits.prefix([rows.count, V]);
      lmHead(step, this.parts, rowsOf(this.#device, normed, rows), chunk);
      use?.(step, chunk, rows);
    }
  }

  async #submit(step: TappedRecorder): Promise<void> {
    using program = await step.finish('forward');
    await this.#device.checked('forward', () => program.submit());
  }
}

/** Returns some rows of a tensor whose rows start at multiples of the offset alignment every CHUNK_ROWS rows. */
export function rowsOf(device: Device, tensor: Tensor, { first, count }: RowRange): Tensor {
  const shape = [count, ...tensor.shape.slice(1)];
  const rowBytes = (4 * tensor.length) / (tensor.shape[0] ?? 1);
  const { buffer, offset } = tensor.range;
  const range = { buffer, offset: offset + first * rowBytes, size: count * rowBytes };
  return Tensor.overRange(device, tensor.label, tensor.dtype, shape, range);
}
