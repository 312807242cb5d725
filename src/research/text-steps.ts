// Steps of the research model: whole texts, or the end of one whose beginning is in the cache, through layers and head. What
// becomes of the logits is the caller's affair.
import { type BatchRow, planBatch } from '../core/plan-batch.ts';
import type { Device } from '../gpu/device.ts';
import { Tensor } from '../gpu/tensor.ts';
import type { PointName } from '../models/points.ts';
import { type ProbeKernels, probeKernels } from '../models/probe-kernels.ts';
import { forward, lastNorm, lmHead } from '../runtime/forward.ts';
import { KVBlocks } from '../runtime/kv-blocks.ts';
import { closeParts, type ModelParts } from '../runtime/model-parts.ts';
import type { RuntimeSizes } from '../runtime/runtime-sizes.ts';
import { stepShape } from '../runtime/step-shape.ts';
import { ceilDiv } from '../util/math.ts';
import { type Interventions, NO_INTERVENTIONS } from './interventions.ts';
import { ProbedRecorder, type ProbedText } from './probed-recorder.ts';
import { CHUNK_ROWS, chunksOf, type RowRange, rowsOf } from './row-chunks.ts';
import { Turns } from './turns.ts';

/** Sampling of a row for `planBatch`: nothing is sampled here. */
const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };

/** Ids of which those from `start` on are computed. */
export interface StartedText {
  readonly promptIds: readonly number[];
  readonly start: number;
  /** Keys and values of the ids before `start`, where the last step did not leave them in the cache. */
  readonly cached?: KVBlocks | undefined;
  /** Reads and changes of points; none when absent. Beside other texts they are those that `runsBeside` accepts. */
  readonly interventions?: Interventions | undefined;
}

/** Adds what is computed from a chunk of logits [count, V], which the next chunk overwrites. */
export type UseLogits = (step: ProbedRecorder, logits: Tensor, rows: RowRange) => void;

/** Runs a model's layers and head over texts, one step after another. It owns the model's parts. */
export class TextSteps {
  readonly device: Device;
  readonly sizes: RuntimeSizes;
  /** Parts of the model; those of the next step may have another kernel. */
  parts: ModelParts;
  /** [T] 0, 1, …, T − 1 */
  readonly #rows: Tensor;
  /** Rows of each text of a step that has several, from a multiple of CHUNK_ROWS on. */
  readonly #rowsOfTexts: Tensor;
  readonly probeKernels: ProbeKernels;
  readonly turns: Turns;
  /** Blocks whose first tokens, up to `length`, the KV cache still holds at its beginning. */
  #resident: { readonly blocks: KVBlocks; readonly length: number } | null = null;

  constructor(device: Device, parts: ModelParts, sizes: RuntimeSizes, kernels: ProbeKernels = probeKernels) {
    const { maxBatchTokens: T, maxBatchSize: S } = sizes;
    this.parts = parts;
    this.device = device;
    this.turns = new Turns(device);
    this.sizes = sizes;
    this.probeKernels = kernels;
    this.#rows = Tensor.from(
      device,
      'rows',
      Int32Array.from({ length: T }, (_, t) => t),
    );
    this.#rowsOfTexts = Tensor.create(device, 'rows of texts', 'i32', [CHUNK_ROWS * (ceilDiv(T, CHUNK_ROWS) + S)]);
  }

  /**
   * Computes the logits of every computed token of some texts, [T, V] each, in tensors that are the caller's.
   *
   * @returns the values of the tapped points.
   * @throws GpuError; DeviceLostError; as `ProbedRecorder.run`.
   */
  run(texts: readonly StartedText[], logits: readonly Tensor[]): Promise<ReadonlyMap<PointName, Tensor>> {
    return this.#step(texts, (step) => {
      const ranges = this.#addLayers(step, texts);
      const numTokens = ranges.reduce((sum, { count }) => sum + count, 0);
      const normed = this.#addNorm(step, numTokens);
      const rows = this.#writeRows(ranges);
      for (const [text, { first, count }] of ranges.entries()) {
        for (const chunk of chunksOf({ first: 0, count })) {
          const out = rowsOf(this.device, logits[text]!, chunk);
          const from = { first: first + chunk.first, count: chunk.count };
          const isAligned = from.first % CHUNK_ROWS === 0;
          lmHead(
            step,
            this.parts,
            isAligned ? rowsOf(this.device, normed, from) : this.#gather(step, normed, rows[text]!, chunk),
            out,
          );
        }
        if (step.has('logits')) step.visit('logits', logits[text]!);
      }
    });
  }

  /** Runs texts and uses the logits of all their rows, in the order of the step: texts with one token first. */
  async runRows(texts: readonly StartedText[], use: UseLogits): Promise<void> {
    await this.#step(texts, (step) => {
      const numTokens = this.#addLayers(step, texts).reduce((sum, { count }) => sum + count, 0);
      const normed = this.#addNorm(step, numTokens);
      for (const rows of chunksOf({ first: 0, count: numTokens })) {
        const chunk = this.parts.scratch.logits.prefix([rows.count, this.#vocabSize]);
        lmHead(step, this.parts, rowsOf(this.device, normed, rows), chunk);
        use(step, chunk, rows);
      }
    });
  }

  /** Computes keys and values of a text; returns those of all its ids, which the caller owns. */
  async prefill(text: StartedText): Promise<KVBlocks> {
    await this.#step([text], (step) => this.#addLayers(step, [text]));
    return KVBlocks.copyOf(this.device, this.parts.kv, ceilDiv(text.promptIds.length, this.sizes.blockSize));
  }

  /**
   * Submits texts; returns how to await the logits [V] after each, which are on their way: the next step may be submitted meanwhile.
   *
   * @throws GpuError; DeviceLostError.
   */
  async nextLogits(texts: readonly StartedText[]): Promise<() => Promise<Float32Array[]>> {
    const { kernels, scratch, inputs } = this.parts;
    const [N, C, V] = [texts.length, this.#hiddenSize, this.#vocabSize];
    const logits = scratch.logits.prefix([N, V]);
    let ranges: RowRange[] = [];
    await this.#step(texts, (step) => {
      ranges = this.#addLayers(step, texts);
      const numTokens = ranges.reduce((sum, { count }) => sum + count, 0);
      const [x, out] = [scratch.hidden.prefix([numTokens, C]), this.#gathered(N)];
      step.add(kernels.gatherRows, { x, rows: inputs.tensors.logitsRows.prefix([N]), out }, {});
      step.skipRows(numTokens - N);
      const normed = scratch.normed.prefix([N, C]);
      lastNorm(step, this.parts, out, normed);
      lmHead(step, this.parts, normed, logits);
      if (step.has('logits')) step.visit('logits', logits.view(logits.shape));
    });
    // Rows are in the order of the step.
    const places = ranges.map(({ first }) => ranges.filter((other) => other.first < first).length);
    const reading = logits.readF32();
    reading.catch(() => {}); // its caller awaits it later
    return async () => {
      const rows = await reading;
      return places.map((place) => rows.slice(place * V, (place + 1) * V));
    };
  }

  /** Computes logits [R, V] of rows hidden[R, C] of the residual stream, or of rows after the last norm. */
  async unembed(hidden: Tensor, logits: Tensor, { norm }: { readonly norm: boolean }): Promise<void> {
    const { scratch } = this.parts;
    const [count = 0] = hidden.shape;
    await this.#step([], (step) => {
      for (const rows of chunksOf({ first: 0, count })) {
        const x = rowsOf(this.device, hidden, rows);
        const normed = norm ? scratch.normed.prefix(x.shape) : x;
        if (norm) lastNorm(step, this.parts, x, normed);
        lmHead(step, this.parts, normed, rowsOf(this.device, logits, rows));
      }
    });
  }

  /** Idempotent. */
  close(): void {
    this.turns.close();
    closeParts(this.parts);
    for (const tensor of [this.#rows, this.#rowsOfTexts]) tensor.close();
  }

  get #hiddenSize(): number {
    return this.parts.model.config.hiddenSize;
  }

  get #vocabSize(): number {
    return this.parts.model.config.vocabSize;
  }

  #gathered(numRows: number): Tensor {
    return this.parts.scratch.gathered.prefix([numRows, this.#hiddenSize]);
  }

  /** Adds all layers over what is to compute of some texts; returns the rows of each. */
  #addLayers(step: ProbedRecorder, texts: readonly StartedText[]): RowRange[] {
    const { blockSize } = this.sizes;
    let numBlocks = 0;
    const rows = texts.map(({ promptIds, start, cached }, tokenSlot): BatchRow => {
      const first = numBlocks;
      numBlocks += ceilDiv(promptIds.length, blockSize);
      const isResident = first === 0 && cached === this.#resident?.blocks && start <= (this.#resident?.length ?? 0);
      if (!isResident) cached?.copyInto(this.parts.kv, first, ceilDiv(start, blockSize));
      const blockTable = Array.from({ length: numBlocks - first }, (_, block) => first + block);
      const sequence = { promptIds, ids: [], params: GREEDY };
      return { sequence, start, numTokens: promptIds.length - start, samples: true, tokenSlot, blockTable };
    });
    // The step overwrites what comes after its beginning.
    const [{ cached, start } = { cached: undefined, start: 0 }] = texts.length === 1 ? texts : [];
    this.#resident = cached === undefined ? null : { blocks: cached, length: start };
    const { plan, sampled } = planBatch(rows, this.sizes);
    const shape = stepShape(plan, this.parts.inputs.write(plan), this.sizes);
    forward(step, this.parts, { ...shape, numLogitsRows: 0 });
    const ranges = new Array<RowRange>(texts.length);
    for (const [row, { tokenSlot, numTokens }] of sampled.entries()) {
      ranges[tokenSlot] = { first: plan.queryStartLoc[row]!, count: numTokens };
    }
    return ranges;
  }

  /** Adds the last norm of every row: [T, C]. */
  #addNorm(step: ProbedRecorder, numTokens: number): Tensor {
    const { scratch } = this.parts;
    const shape = [numTokens, this.#hiddenSize];
    const normed = scratch.normed.prefix(shape);
    lastNorm(step, this.parts, scratch.hidden.prefix(shape), normed);
    return normed;
  }

  /** Writes the rows of each text to a place of its own, where every chunk of them can be bound; returns the places. */
  #writeRows(ranges: readonly RowRange[]): Tensor[] {
    const words = new Int32Array(this.#rowsOfTexts.length);
    let end = 0;
    const places = ranges.map(({ first, count }) => {
      const place = { first: end, count };
      for (let row = 0; row < count; row++) words[end + row] = first + row;
      end += CHUNK_ROWS * ceilDiv(count, CHUNK_ROWS);
      return place;
    });
    this.#rowsOfTexts.write(words);
    return places.map((place) => rowsOf(this.device, this.#rowsOfTexts, place));
  }

  /** Adds a copy of a chunk of a text's rows. @param rows numbers of the text's rows in the step. */
  #gather(step: ProbedRecorder, x: Tensor, rows: Tensor, chunk: RowRange): Tensor {
    const out = this.#gathered(chunk.count);
    step.add(this.parts.kernels.gatherRows, { x, rows: rowsOf(this.device, rows, chunk), out }, {});
    return out;
  }

  /** Records a step and runs it; returns the values of the tapped points, which the caller owns. */
  async #step(
    texts: readonly StartedText[],
    record: (step: ProbedRecorder) => void,
  ): Promise<ReadonlyMap<PointName, Tensor>> {
    const callEdit = <T>(edit: () => T): T => this.turns.callEdit(edit);
    const probed = { kernels: this.probeKernels, rows: this.#rows, texts: probedTexts(texts), callEdit };
    const step = new ProbedRecorder(this.device, probed);
    try {
      record(step);
      await step.run('forward');
      return step.taps;
    } catch (error) {
      step.close();
      throw error;
    }
  }
}

/** Lists the texts of a step in its order: those with one token first. */
function probedTexts(texts: readonly StartedText[]): ProbedText[] {
  const isDecode = ({ promptIds, start }: StartedText) => promptIds.length - start === 1;
  let firstRow = 0;
  return [...texts.filter(isDecode), ...texts.filter((text) => !isDecode(text))].map((text) => {
    const { promptIds, start, interventions = NO_INTERVENTIONS } = text;
    const probed = { interventions, firstRow, firstPosition: start, numTokens: promptIds.length - start };
    firstRow += probed.numTokens;
    return probed;
  });
}
