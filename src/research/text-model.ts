// The research model: forward passes, scores and generation with any sampler, over the same layers that serve.
import type { Device } from '../gpu/device.ts';
import { Kernel } from '../gpu/kernel.ts';
import { Tensor } from '../gpu/tensor.ts';
import { LOGPROB_WORDS } from '../kernels/logprobs/logprobs.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import type { ModelConfig } from '../models/config.ts';
import type { ModelKernels } from '../models/kernels.ts';
import type { WeightSource } from '../models/weight-source.ts';
import { compileForward } from '../runtime/compile-forward.ts';
import { fitContext } from '../runtime/fit-sizes.ts';
import { createParts, type ModelOptions, type ModelParts } from '../runtime/model-parts.ts';
import { DEFAULT_BLOCK_SIZE, type RunnerOptions, type RuntimeSizes, resolveSizes } from '../runtime/runtime-sizes.ts';
import { RangeValueError } from '../util/errors.ts';
import { expectedNames } from '../util/keys.ts';
import { ceilDiv } from '../util/math.ts';
import { checkId, checkIds, checkInteger } from './check-ids.ts';
import { groupTexts } from './group-texts.ts';
import { compareTrials, runTrial } from './kernel-trial.ts';
import {
  checkForward,
  checkGenerate,
  checkReplace,
  type ForwardOptions,
  type GenerateOptions,
  type ReplaceOptions,
} from './research-options.ts';
import type { TappedRecorder } from './tapped-recorder.ts';
import { CHUNK_ROWS, type RowRange, rowsOf, TextSteps } from './text-steps.ts';

/** Result of `forward`. The caller owns and closes the tensors. */
export interface ForwardResult {
  /** [T, V] */
  readonly logits: Tensor;
  /** Output of each tapped module, [T, its width]. */
  readonly taps: ReadonlyMap<string, Tensor>;
}

/** Texts that are scored side by side. */
const MAX_TEXTS = 8;

/**
 * A model for research: forward passes over any ids, without engine, scheduler and sampler. Calls run one after another. It
 * does not own the device.
 */
export class TextModel {
  readonly config: ModelConfig;
  readonly #device: Device;
  readonly #sizes: RuntimeSizes;
  readonly #steps: TextSteps;
  /** [T, 1] the id of each row whose logprob is wanted. */
  readonly #targets: Tensor;
  /** [CHUNK_ROWS] ones. */
  readonly #wanted: Tensor;
  /** [T, LOGPROB_WORDS] */
  readonly #records: Tensor;
  /** Settles when the calls so far have. */
  #idle: Promise<unknown> = Promise.resolve();

  private constructor(device: Device, parts: ModelParts, sizes: RuntimeSizes) {
    const T = sizes.maxBatchTokens;
    this.config = parts.model.config;
    this.#device = device;
    this.#sizes = sizes;
    this.#steps = new TextSteps(device, parts, sizes);
    this.#targets = Tensor.create(device, 'targets', 'u32', [T, 1]);
    this.#wanted = Tensor.from(device, 'wanted', new Uint32Array(CHUNK_ROWS).fill(1));
    this.#records = Tensor.create(device, 'records', 'u32', [T, LOGPROB_WORDS]);
  }

  /**
   * Loads a model; programs call `loadTextModel`.
   *
   * @internal
   * @throws GpuError when the adapter has no room.
   */
  static async open(
    device: Device,
    model: ModelDefinition,
    source: WeightSource,
    options: Pick<RunnerOptions, 'dtype' | 'kvDtype' | 'maxModelLen'> & Omit<ModelOptions, 'numSampledIds'> = {},
  ): Promise<TextModel> {
    const sizesOf = (maxModelLen: number) => {
      // A text runs whole. Sequences share the tokens of a step, and at most one block each is not full.
      const maxBatchTokens = Math.max(maxModelLen, MAX_TEXTS);
      const numBlocks = ceilDiv(maxBatchTokens, DEFAULT_BLOCK_SIZE) + MAX_TEXTS;
      const wanted = { ...options, maxModelLen, maxBatchTokens, numBlocks };
      const all = { ...wanted, maxBatchSize: MAX_TEXTS, maxLogitsRows: CHUNK_ROWS };
      return resolveSizes(model.config, all, source, device);
    };
    const hostBytes = device.traits.isSoftware ? process.availableMemory() : undefined;
    const sizes = fitContext(model, options.maxModelLen, sizesOf, { device, hostBytes, tiedHead: source.tiedHead });
    return new TextModel(device, await createParts(device, model, source, sizes, options), sizes);
  }

  /** Tokens of the longest text: those that memory has room for, at most the model's positions. */
  get maxModelLen(): number {
    return this.#sizes.maxModelLen;
  }

  /**
   * Computes logits, and the outputs of some modules by their names in the architecture. A GPT-2 has `h.0.ln_1`,
   * `h.0.attn.c_attn`, `h.0.attn` (the sum that attention adds to the residual stream), `h.0.ln_2`, `h.0.mlp.act`,
   * `h.0.mlp`, `h.0` (the residual stream after the layer), and `ln_f`.
   *
   * @throws RangeValueError for ids that are no text of the model, an unknown option, or a module that it does not have.
   */
  async forward(ids: readonly number[], options: ForwardOptions = {}): Promise<ForwardResult> {
    const { taps = [] } = checkForward(options);
    checkIds('ids', ids, this.config, { least: 1, most: this.maxModelLen });
    const [text, modules] = [[...ids], [...taps]];
    return this.#inTurn(() => this.#forward(text, modules));
  }

  /**
   * Log-probability, in nats, of each id but the first, given those before it: [T − 1]. The same bits whatever else is
   * scored.
   *
   * @throws RangeValueError for ids that are no text of the model, or fewer than two; one more than it has positions may be
   * scored.
   */
  async scoreTokens(ids: readonly number[]): Promise<Float32Array> {
    this.#checkScored('ids', ids);
    const [scores] = await this.scoreTexts([ids]);
    return scores ?? new Float32Array(0);
  }

  /**
   * As `scoreTokens`, for any number of texts, which run side by side as far as there is room.
   *
   * @throws RangeValueError as `scoreTokens`, before any of them is scored.
   */
  async scoreTexts(texts: readonly (readonly number[])[]): Promise<Float32Array[]> {
    if (!Array.isArray(texts)) throw new RangeValueError('texts', texts, 'an array of texts of ids');
    const copies = Array.from(texts, (text, i) => {
      this.#checkScored(`texts[${i}]`, text);
      return [...text];
    });
    return this.#inTurn(async () => {
      const scores: Float32Array[] = [];
      for (const group of groupTexts(copies, { maxTexts: MAX_TEXTS, maxTokens: this.#sizes.maxBatchTokens }))
        scores.push(...(await this.#score(group)));
      return scores;
    });
  }

  #checkScored(what: string, ids: readonly number[]): void {
    checkIds(what, ids, this.config, { least: 2, most: this.maxModelLen + 1 });
  }

  /** Scores texts side by side. */
  async #score(texts: readonly (readonly number[])[]): Promise<Float32Array[]> {
    // In the order that a step has: texts with a single input first.
    const order = [...texts.keys()].sort((a, b) => Number(texts[a]!.length > 2) - Number(texts[b]!.length > 2));
    const ordered = order.map((i) => texts[i]!);
    this.#targets.write(Uint32Array.from(ordered.flatMap((text) => text.slice(1))));
    const inputs = ordered.map((text) => text.slice(0, -1));
    await this.#steps.run(inputs, [], { use: (...chunk) => this.#addLogprobs(...chunk) });
    const numTokens = inputs.reduce((sum, input) => sum + input.length, 0);
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

  /** Adds the log-probabilities of the targets of some rows. */
  #addLogprobs(step: TappedRecorder, logits: Tensor, rows: RowRange): void {
    const chosen = rowsOf(this.#device, this.#targets, rows);
    const records = rowsOf(this.#device, this.#records, rows);
    const wanted = this.#wanted.prefix([rows.count]);
    step.add(this.#steps.parts.kernels.logprobs, { logits, chosen, wanted, records }, {});
  }

  /**
   * Generates with a sampler on the host: slow, but any JavaScript.
   *
   * @returns the new ids.
   * @throws RangeValueError for ids that are no text of the model, more tokens than it has positions for, an unknown option,
   * and a choice that is no id.
   */
  async generate(ids: readonly number[], options: GenerateOptions): Promise<number[]> {
    const { vocabSize } = this.config;
    const { maxTokens, choose } = checkGenerate(options);
    checkIds('ids', ids, this.config, { least: 1, most: this.maxModelLen });
    checkInteger('maxTokens', maxTokens, 1, this.maxModelLen - ids.length);
    const text = [...ids];
    const end = ids.length + maxTokens;
    await this.#inTurn(async () => {
      for (let start = 0; text.length < end; start = text.length - 1) {
        const id = choose(await this.#steps.nextLogits({ promptIds: text, start }), [...text]);
        if (id === null) break;
        checkId('id that choose returned', id, vocabSize);
        text.push(id);
      }
    });
    return text.slice(ids.length);
  }

  /**
   * Puts another kernel in the place of one of the model's, once it has given the same logits on a random text, prefilled
   * and decoded. What that does not run is taken unseen: the sampler, splits of a context beyond 256 tokens, kernels that
   * take a norm in where the model has it apart, and `kvWrite` of a model whose heads fill the rows of the cache, where
   * `matmulKVWrite` has its place and that of `matmul` for QKV.
   *
   * @returns the worst difference of a logit.
   * @throws KernelError when it is beyond the tolerance, and the model keeps its kernel then; RangeValueError for another
   * name, what is no kernel, and an unknown option.
   */
  async replaceKernel<K extends keyof ModelKernels>(
    name: K,
    kernel: ModelKernels[K],
    options: ReplaceOptions = {},
  ): Promise<number> {
    const { tolerance = 2e-4 } = checkReplace(options);
    const names = Object.keys(this.#steps.parts.kernels);
    if (!names.includes(name)) throw new RangeValueError('kernel', name, expectedNames(String(name), names));
    if (!(kernel instanceof Kernel)) throw new RangeValueError(name, kernel, 'a kernel; defineKernel makes one');
    return this.#inTurn(() => this.#replaceKernel(name, kernel, tolerance));
  }

  async #replaceKernel<K extends keyof ModelKernels>(
    name: K,
    kernel: ModelKernels[K],
    tolerance: number,
  ): Promise<number> {
    const steps = this.#steps;
    const original = steps.parts;
    const want = await this.#trial();
    steps.parts = { ...original, kernels: { ...original.kernels, [name]: kernel } };
    try {
      await compileForward(this.#device, steps.parts, this.#sizes);
      const got = await this.#trial();
      return compareTrials(name, kernel, { want, got, tolerance });
    } catch (error) {
      steps.parts = original;
      throw error;
    }
  }

  /** Idempotent. */
  close(): void {
    this.#steps.close();
    for (const tensor of [this.#targets, this.#wanted, this.#records]) tensor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Calls share the cache and the scratch tensors. */
  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#idle.then(call);
    this.#idle = result.catch(() => {});
    return result;
  }

  async #forward(ids: readonly number[], taps: readonly string[]): Promise<ForwardResult> {
    const logits = Tensor.create(this.#device, 'logits', 'f32', [ids.length, this.config.vocabSize]);
    try {
      return { logits, taps: await this.#steps.run([ids], taps, { logits }) };
    } catch (error) {
      logits.close();
      throw error;
    }
  }

  #trial(): Promise<Float32Array> {
    return runTrial({
      config: this.config,
      prefill: async (ids) => (await this.#forward(ids, [])).logits,
      decode: (promptIds, start) => this.#steps.nextLogits({ promptIds, start }),
    });
  }
}
