// Log-probabilities of the tokens of texts, which run side by side: their logits are reduced on the GPU, a chunk at a time.
import { Tensor } from '../gpu/tensor.ts';
import { LOGPROB_WORDS } from '../kernels/logprobs/logprobs.ts';
import { groupTexts } from './group-texts.ts';
import { CHUNK_ROWS, rowsOf } from './row-chunks.ts';
import { MAX_TEXTS } from './text-sizes.ts';
import type { TextSteps } from './text-steps.ts';

/** Scores texts by the steps of a model. */
export class TextScores {
  readonly #steps: TextSteps;
  /** [T, 1] the id of each row whose logprob is wanted. */
  readonly #targets: Tensor;
  /** [CHUNK_ROWS] ones. */
  readonly #wanted: Tensor;
  /** [T, LOGPROB_WORDS] */
  readonly #records: Tensor;

  constructor(steps: TextSteps) {
    const { device, sizes } = steps;
    const T = sizes.maxBatchTokens;
    this.#steps = steps;
    this.#targets = Tensor.create(device, 'targets', 'u32', [T, 1]);
    this.#wanted = Tensor.from(device, 'wanted', new Uint32Array(CHUNK_ROWS).fill(1));
    this.#records = Tensor.create(device, 'records', 'u32', [T, LOGPROB_WORDS]);
  }

  /** Computes the log-probability, in nats, of each id but the first of each text: [T − 1]. */
  async score(texts: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const { maxBatchTokens: maxTokens } = this.#steps.sizes;
    const scores: Float32Array[] = [];
    // All ids but a text's last are inputs.
    for (const group of groupTexts(texts, ({ length }) => length - 1, { maxTexts: MAX_TEXTS, maxTokens })) {
      scores.push(...(await this.#scoreGroup(group)));
    }
    return scores;
  }

  async #scoreGroup(texts: readonly (readonly number[])[]): Promise<Float32Array[]> {
    // In the order that a step has: texts with a single input first.
    const order = [...texts.keys()].sort((a, b) => Number(texts[a]!.length > 2) - Number(texts[b]!.length > 2));
    const ordered = order.map((i) => texts[i]!);
    this.#targets.write(Uint32Array.from(ordered.flatMap((text) => text.slice(1))));
    const inputs = ordered.map((text) => ({ promptIds: text.slice(0, -1), start: 0 }));
    const { device, parts } = this.#steps;
    await this.#steps.runRows(inputs, (step, logits, rows) => {
      const chosen = rowsOf(device, this.#targets, rows);
      const records = rowsOf(device, this.#records, rows);
      step.add(parts.kernels.logprobs, { logits, chosen, wanted: this.#wanted.prefix([rows.count]), records }, {});
    });
    const numTokens = inputs.reduce((sum, { promptIds }) => sum + promptIds.length, 0);
    const { buffer } = await this.#records.view([numTokens, LOGPROB_WORDS]).read();
    const floats = new Float32Array(buffer);
    const scores = texts.map(({ length }) => new Float32Array(length - 1));
    let row = 0;
    for (const i of order) {
      const ofText = scores[i]!;
      for (let t = 0; t < ofText.length; t++, row++) ofText[t] = floats[row * LOGPROB_WORDS]!;
    }
    return scores;
  }

  /** Idempotent. */
  close(): void {
    for (const tensor of [this.#targets, this.#wanted, this.#records]) tensor.close();
  }
}
