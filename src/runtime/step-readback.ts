// Readback of a step: ids of every sampled row, log-probabilities and logits where they are asked for. The one place that sizes
// the bytes, copies them and reads them.
import type { BatchPlan, SamplingRow } from '../core/batch-plan.ts';
import type { StepResult, TokenLogprobs } from '../core/runner.ts';
import type { Device } from '../gpu/device.ts';
import { type ReadbackPart, ReadbackRing } from '../gpu/readback-ring.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { LOGPROB_WORDS, MAX_TOP_LOGPROBS } from '../kernels/logprobs/logprobs.ts';
import type { StepShape } from '../models/step.ts';
import type { Scratch } from './scratch.ts';

/** Brings the results of steps from their scratch tensors, [R, …] words each, to the host. */
export class StepReadback {
  readonly #ring: ReadbackRing;
  readonly #scratch: Scratch;
  readonly #vocabSize: number;
  readonly #returnLogits: boolean;

  constructor(device: Device, scratch: Scratch, returnLogits: boolean) {
    const { sampled, logprobs, logits } = scratch;
    const [maxRows = 0, vocabSize = 0] = logits.shape;
    const largest = [sampled, logprobs, ...(returnLogits ? [logits] : [])].map((tensor) => rows(tensor, maxRows));
    this.#ring = new ReadbackRing(
      device,
      'step result',
      largest.reduce((sum, { size }) => sum + size, 0),
    );
    this.#scratch = scratch;
    this.#vocabSize = vocabSize;
    this.#returnLogits = returnLogits;
  }

  /**
   * Encodes the copies after the dispatches of a step, and submits it all.
   *
   * @returns the step's result without its times; it rejects with DeviceLostError when the device goes away.
   * @throws GpuError when the driver refuses something, or has no room.
   */
  submit(encoder: GPUCommandEncoder, { samplingRows }: BatchPlan, shape: StepShape): Promise<StepResult> {
    const { numLogitsRows: R, reportsLogprobs } = shape;
    const { sampled, logprobs, logits } = this.#scratch;
    const bytes = this.#ring.submit(encoder, [
      // A step without a row to sample is read back too: the arrival of the bytes says that it has run.
      rows(sampled, Math.max(R, 1)),
      rows(logprobs, reportsLogprobs ? R : 0),
      rows(logits, this.#returnLogits ? R : 0),
    ]);
    return bytes.then(([pairs, records, floats]) => {
      const { ids, finite } = readSampled(R, pairs);
      return {
        ids,
        finite,
        ...(reportsLogprobs && { logprobs: this.#readLogprobs(ids, samplingRows, records) }),
        ...(this.#returnLogits && floats && { logits: new Float32Array(floats) }),
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
    return rows.map(({ logprobs }, row) => {
      if (logprobs === null) return null;
      const start = row * LOGPROB_WORDS;
      const top = Array.from({ length: Math.min(logprobs, MAX_TOP_LOGPROBS, this.#vocabSize) }, (_, rank) => ({
        id: words[start + 1 + 2 * rank]!,
        logprob: floats[start + 2 + 2 * rank]!,
      }));
      return { id: ids[row]!, logprob: floats[start]!, top };
    });
  }
}

/** Takes the first rows of a tensor [R, columns] of words. */
function rows(tensor: Tensor, numRows: number): ReadbackPart {
  const [, columns = 1] = tensor.shape;
  return { tensor, size: Uint32Array.BYTES_PER_ELEMENT * columns * numRows };
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
