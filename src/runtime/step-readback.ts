// Readback of a step: ids of every sampled row, log-probabilities, scores of prompts, embeddings and logits where they are asked for. The one place that sizes
// the bytes, copies them and reads them.
import type { BatchPlan, SamplingRow, ScoredTokens } from '../core/batch-plan.ts';
import type { StepResult, TokenLogprobs } from '../core/runner.ts';
import type { Device } from '../gpu/device.ts';
import { type ReadbackPart, ReadbackRing } from '../gpu/readback-ring.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { LOGPROB_WORDS, MAX_TOP_LOGPROBS } from '../kernels/logprobs/logprobs.ts';
import type { StepShape } from '../models/step.ts';
import { ceilDiv, numElements } from '../util/math.ts';
import type { Scratch } from './scratch.ts';

/** Brings the results of steps from their scratch tensors, [R, …] words each, to the host. */
export class StepReadback {
  readonly #ring: ReadbackRing;
  readonly #scratch: Scratch;
  readonly #maxRows: number;
  readonly #vocabSize: number;
  readonly #returnLogits: boolean;

  constructor(device: Device, scratch: Scratch, returnLogits: boolean) {
    const { sampled, logprobs, logits, scores, pooled } = scratch;
    const [maxRows = 0, vocabSize = 0] = logits.shape;
    const largest = [
      ...[sampled, logprobs, ...(returnLogits ? [logits] : [])].map((tensor) => rows(tensor, maxRows)),
      rows(scores, scores.shape[0] ?? 0),
      rows(pooled, pooled.shape[0] ?? 0),
    ];
    this.#ring = new ReadbackRing(
      device,
      'step result',
      largest.reduce((sum, { size }) => sum + size, 0),
    );
    this.#scratch = scratch;
    this.#maxRows = maxRows;
    this.#vocabSize = vocabSize;
    this.#returnLogits = returnLogits;
  }

  /**
   * Encodes the copies after the dispatches of a step, and submits it all.
   *
   * @returns the step's result without its times; it rejects with DeviceLostError when the device goes away.
   * @throws GpuError when the driver refuses something, or has no room.
   */
  submit(
    encoder: GPUCommandEncoder,
    { samplingRows, scored, pooled = [] }: BatchPlan,
    shape: StepShape,
  ): Promise<StepResult> {
    const { numLogitsRows: R, reportsLogprobs, numScoredTokens } = shape;
    const { sampled, logprobs, logits, scores } = this.#scratch;
    const ended = pooled.filter(({ total }) => total !== null);
    const bytes = this.#ring.submit(encoder, [
      // A step without a row to sample is read back too: the arrival of the bytes says that it has run.
      rows(sampled, Math.max(R, 1)),
      rows(logprobs, reportsLogprobs ? R : 0),
      rows(logits, this.#returnLogits ? R : 0),
      rows(scores, ceilDiv(numScoredTokens, this.#maxRows)),
      ...ended.map(({ tokenSlot }) => oneRow(this.#scratch.pooled, tokenSlot)),
    ]);
    return bytes.then(([pairs, records, floats, chunks, ...sums]) => {
      const { ids, finite } = readSampled(R, pairs);
      return {
        ids,
        finite,
        ...(reportsLogprobs && { logprobs: this.#readLogprobs(ids, samplingRows, records) }),
        ...(this.#returnLogits && floats && { logits: new Float32Array(floats) }),
        ...(scored && { promptLogprobs: this.#readScores(scored, chunks) }),
        ...(ended.length > 0 && { embeddings: ended.map(({ total }, i) => meanOf(sums[i], total)) }),
      };
    });
  }

  /** Frees the staging buffers; idempotent. */
  close(): void {
    this.#ring.close();
  }

  /** Reads the records [R, LOGPROB_WORDS] of shaders/logprobs.wgsl; null for rows that did not ask. */
  #readLogprobs(
    ids: Int32Array,
    rows: readonly SamplingRow[],
    bytes: ArrayBuffer = new ArrayBuffer(0),
  ): (TokenLogprobs | null)[] {
    const words = new Uint32Array(bytes);
    const floats = new Float32Array(bytes);
    return rows.map(({ logprobs }, row) =>
      logprobs === null ? null : this.#readRecord(ids[row]!, logprobs, { words, floats, start: row * LOGPROB_WORDS }),
    );
  }

  /** Reads the records of scored ids, which lie in chunks. */
  #readScores({ targets, numTop }: ScoredTokens, bytes: ArrayBuffer = new ArrayBuffer(0)): TokenLogprobs[] {
    const words = new Uint32Array(bytes);
    const floats = new Float32Array(bytes);
    const [, chunkWords = 0] = this.#scratch.scores.shape;
    return Array.from(targets, (id, index) => {
      const start = Math.floor(index / this.#maxRows) * chunkWords + (index % this.#maxRows) * LOGPROB_WORDS;
      return this.#readRecord(id, numTop[index]!, { words, floats, start });
    });
  }

  #readRecord(id: number, numTop: number, { words, floats, start }: RecordPlace): TokenLogprobs {
    const top = Array.from({ length: Math.min(numTop, MAX_TOP_LOGPROBS, this.#vocabSize) }, (_, rank) => ({
      id: words[start + 1 + 2 * rank]!,
      logprob: floats[start + 2 + 2 * rank]!,
    }));
    return { id, logprob: floats[start]!, top };
  }
}

/** Place of a record among the words that came back. */
interface RecordPlace {
  readonly words: Uint32Array;
  readonly floats: Float32Array;
  readonly start: number;
}

/** Takes the first rows of a tensor [R, columns] of words. */
function rows(tensor: Tensor, numRows: number): ReadbackPart {
  const [, columns = 1] = tensor.shape;
  return { tensor, size: Uint32Array.BYTES_PER_ELEMENT * columns * numRows };
}

/** Takes one row of a tensor [R, columns] of words. */
function oneRow(tensor: Tensor, index: number): ReadbackPart {
  const columns = tensor.shape.slice(1);
  return { tensor: tensor.row(index, columns), size: Uint32Array.BYTES_PER_ELEMENT * numElements(columns) };
}

/** Divides sums of f32: the host rounds a quotient as IEEE 754 does, and a GPU need not. */
function meanOf(bytes: ArrayBuffer = new ArrayBuffer(0), total: number | null): Float32Array {
  return new Float32Array(bytes).map((sum) => sum / (total ?? 1));
}

/** Reads the sampler's output: [R, 2] words of id and finite, and more. */
function readSampled(R: number, bytes: ArrayBuffer = new ArrayBuffer(0)): Pick<StepResult, 'ids' | 'finite'> {
  const pairs = new Int32Array(bytes);
  const ids = new Int32Array(R);
  const finite = new Uint8Array(R);
  for (let row = 0; row < R; row++) {
    ids[row] = pairs[2 * row]!;
    finite[row] = pairs[2 * row + 1]!;
  }
  return { ids, finite };
}
