// The research model: forward passes, scores and generation with any sampler, over the same layers that serve.
import type { Device } from '../gpu/device.ts';
import { Kernel } from '../gpu/kernel.ts';
import { Tensor } from '../gpu/tensor.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import type { ModelConfig } from '../models/config.ts';
import type { ModelKernels } from '../models/kernels.ts';
import { listPoints, type PointName } from '../models/points.ts';
import type { ProbeKernels } from '../models/probe-kernels.ts';
import type { WeightSource } from '../models/weight-source.ts';
import { checkFree } from '../runtime/free-memory.ts';
import { createParts, type ModelOptions } from '../runtime/model-parts.ts';
import { kvBlockBytes, type RunnerOptions } from '../runtime/runtime-sizes.ts';
import { RangeValueError } from '../util/errors.ts';
import { expectedNames } from '../util/keys.ts';
import { ceilDiv } from '../util/math.ts';
import { CachedText, type ModelState } from './cached-text.ts';
import { checkId, checkIds, checkInteger, isTexts } from './check-ids.ts';
import { checkInterventions } from './check-interventions.ts';
import type { ForwardResult } from './forward-result.ts';
import { forwardTexts } from './forward-texts.ts';
import { hiddenRows } from './hidden-rows.ts';
import type { Interventions } from './interventions.ts';
import { tryKernel } from './kernel-trial.ts';
import { ModelWeights, type WeightReplacement } from './model-weights.ts';
import { NextCalls } from './next-batch.ts';
import {
  checkForward,
  checkGenerate,
  checkPrefill,
  checkReplace,
  checkUnembed,
  type ForwardOptions,
  type GenerateOptions,
  type PrefillOptions,
  type ReplaceOptions,
  type UnembedOptions,
} from './research-options.ts';
import { TextScores } from './text-scores.ts';
import { textSizes } from './text-sizes.ts';
import { type StartedText, TextSteps } from './text-steps.ts';
import { stepsWithWeights } from './weight-copy.ts';

/** Options of a research model. */
type TextModelOptions = Pick<RunnerOptions, 'dtype' | 'kvDtype' | 'maxModelLen'> &
  Omit<ModelOptions, 'numSampledIds'> & {
    /** Kernels that only a step with taps or edits takes. */
    readonly probeKernels?: ProbeKernels;
  };

/** Checked ids of a caller that follow those of a cached text, if any. */
interface CheckedText {
  readonly ids: readonly number[];
  readonly cache: CachedText | undefined;
  readonly interventions: Interventions;
}

/**
 * A model for research: forward passes over any ids, without engine, scheduler and sampler. Calls run one after another. It
 * does not own the device.
 */
export class TextModel {
  readonly config: ModelConfig;
  /** The weights by the names of the model's files. */
  readonly weights: ModelWeights;
  readonly #steps: TextSteps;
  readonly #scores: TextScores;
  /** State that cached texts belong to: another kernel makes it another. */
  #state: ModelState = {};
  readonly #next = new NextCalls();

  private constructor(steps: TextSteps) {
    this.config = steps.parts.model.config;
    this.weights = new ModelWeights(() => steps.parts.weights);
    this.#steps = steps;
    this.#scores = new TextScores(steps);
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
    options: TextModelOptions = {},
  ): Promise<TextModel> {
    const sizes = textSizes(device, model, source, options);
    const parts = await createParts(device, model, source, sizes, options);
    return new TextModel(new TextSteps(device, parts, sizes, options.probeKernels));
  }

  /** Tokens of the longest text: those that memory has room for, at most the model's positions. */
  get maxModelLen(): number {
    return this.#steps.sizes.maxModelLen;
  }

  /** Points that `forward` reads and changes, in the order in which the model computes them. */
  get points(): PointName[] {
    return listPoints(this.#steps.parts.model);
  }

  /**
   * Computes logits, reads points of the forward pass (`taps`), and changes some before anything uses them (`edit`).
   *
   * Of several texts there is a result for each, with the bits that it has alone. They run side by side as far as there is room;
   * with taps, or edits other than by values, one after another. With a `cache`, ids go on after its text, and results are of the ids alone.
   *
   * @throws RangeValueError for ids that are no text of the model, an unknown option, a point that the model does not have, an edit
   * that does not fit its point, or a cached text that is closed or another model's; MemoryError with the numbers, or GpuError, where
   * memory lacks; what the function of an edit throws.
   */
  forward(ids: readonly number[], options?: ForwardOptions): Promise<ForwardResult>;
  forward(texts: readonly (readonly number[])[], options?: ForwardOptions): Promise<ForwardResult[]>;
  async forward(
    texts: readonly number[] | readonly (readonly number[])[],
    options: ForwardOptions = {},
  ): Promise<ForwardResult | ForwardResult[]> {
    checkForward(options);
    if (isTexts(texts)) {
      const checked = texts.map((ids, i) => this.#checked(`texts[${i}]`, ids, options));
      return this.#inTurn(() =>
        forwardTexts(
          this.#steps,
          checked.map((text) => this.#started(text)),
        ),
      );
    }
    const checked = this.#checked('ids', texts, options);
    return this.#inTurn(async () => {
      const [result] = await forwardTexts(this.#steps, [this.#started(checked)]);
      return result!;
    });
  }

  /**
   * Computes the logits [V] after a text: the last of those that `forward` has, bit by bit, without the others. Calls that are made
   * at once run side by side, as far as their edits are by values.
   *
   * @throws RangeValueError as `forward`.
   */
  async nextLogits(ids: readonly number[], options: PrefillOptions = {}): Promise<Float32Array> {
    checkPrefill('nextLogits', options);
    const checked = this.#checked('ids', ids, options);
    const promptIds = [...(checked.cache?.ids ?? []), ...checked.ids];
    const started = () => this.#started(checked);
    const inTurn = (run: (steps: TextSteps) => Promise<void>) => this.#inTurn(() => run(this.#steps));
    return this.#steps.turns.guard(() => this.#next.add({ ...checked, promptIds }, started, inTurn));
  }

  /**
   * Computes the keys and values of a text once, for any number of texts that go on after it.
   *
   * Edits, as of `forward`, change what is cached: texts that go on after it see changed keys and values.
   *
   * @throws RangeValueError as `forward`; MemoryError with the numbers, or GpuError, where memory lacks.
   */
  async prefill(ids: readonly number[], options: PrefillOptions = {}): Promise<CachedText> {
    const { cache } = checkPrefill('prefill', options);
    const checked = this.#checked('ids', ids, options);
    const { device, sizes } = this.#steps;
    const text = [...(cache?.ids ?? []), ...checked.ids];
    const blockBytes = this.config.numLayers * kvBlockBytes(this.config, sizes.blockSize, sizes.kvDtype);
    const bytes = ceilDiv(text.length, sizes.blockSize) * blockBytes;
    checkFree(device, `keys and values of ${text.length} cached tokens`, bytes);
    return this.#inTurn(async () => {
      const blocks = await this.#steps.prefill(this.#started(checked));
      return new CachedText(text, blocks, this.#state);
    });
  }

  /**
   * Computes the logits [R, V] of rows of the residual stream, such as those of a tap (a logit lens); the caller closes them. Of the
   * last layer's stream they are the bits of the logits that `forward` has.
   *
   * @param hidden rows [R, C]: a tensor, or an array of R · C numbers.
   * @throws RangeValueError for rows of another width, a tensor that was closed or is on another device, and an unknown option; MemoryError
   * with the numbers, or GpuError, where memory lacks.
   */
  async unembed(hidden: Tensor | Float32Array, options: UnembedOptions = {}): Promise<Tensor> {
    const { norm = true } = checkUnembed(options);
    const { device } = this.#steps;
    const { hiddenSize, vocabSize } = this.config;
    const { rows, owned } = hiddenRows(device, hidden, hiddenSize);
    using _ = owned;
    const [R = 0] = rows.shape;
    return await this.#inTurn(async () => {
      checkFree(device, `logits of ${R} rows`, Float32Array.BYTES_PER_ELEMENT * R * vocabSize);
      using made = new DisposableStack();
      const logits = made.use(Tensor.create(device, 'logits', 'f32', [R, vocabSize]));
      await this.#steps.unembed(rows, logits, { norm });
      made.move();
      return logits;
    });
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
    return this.#inTurn(() => this.#scores.score(copies));
  }

  /**
   * Generates with a sampler on the host: slow, but any JavaScript. Edits hold for the prompt and for what is generated; they run on the
   * GPU alone.
   *
   * @returns the new ids.
   * @throws RangeValueError for ids that are no text of the model, more tokens than it has positions for, an unknown option,
   * an edit that does not fit its point or runs on the host, a cached text that is closed or another model's, and a choice that is no
   * id.
   */
  async generate(ids: readonly number[], options: GenerateOptions): Promise<number[]> {
    const { vocabSize } = this.config;
    const { maxTokens, choose, edit, cache } = checkGenerate(options);
    this.#checkIds('ids', ids, cache);
    const promptLength = ids.length + (cache?.length ?? 0);
    checkInteger('maxTokens', maxTokens, 1, this.maxModelLen - promptLength);
    const prompt = this.#checked('ids', ids, { cache, edit }, promptLength + maxTokens);
    return this.#inTurn(async () => {
      let started = this.#started(prompt);
      const text = [...started.promptIds];
      while (text.length < promptLength + maxTokens) {
        const next = await this.#steps.nextLogits([started]);
        const [logits] = await next();
        const id = choose(logits!, [...text]);
        if (id === null) break;
        checkId('id that choose returned', id, vocabSize);
        started = { promptIds: text, start: text.length, interventions: prompt.interventions };
        text.push(id);
      }
      return text.slice(promptLength);
    });
  }

  /**
   * Puts another kernel in the place of one of the model's, once it has given the same logits on a random text, prefilled
   * and decoded. What that does not run is taken unseen: the sampler, splits of a context beyond 256 tokens, kernels that
   * take a norm in where the model has it apart, and `kvWrite` of a model whose heads fill the rows of the cache, where
   * `matmulKVWrite` has its place and that of `matmul` for QKV. Texts that were cached before are refused from then on.
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
    return this.#inTurn(async () => {
      const worst = await tryKernel(this.#steps, name, kernel, tolerance);
      this.#state = {};
      return worst;
    });
  }

  /**
   * Makes a model with other weights in the places of some, rounded as those are stored. It has its own keys, values and cached
   * texts, and shares all weights that are not replaced: either model may be closed first, and the last one frees them. Kernels
   * are those that this model has now.
   *
   * @param weights numbers by name, in the order of `weights.get(name).shape`, or functions of the stored ones.
   * @throws RangeValueError for an unknown name, another number of numbers, or one that is not finite; MemoryError with the numbers, or
   * GpuError, where memory lacks.
   */
  async withWeights(weights: Readonly<Record<string, WeightReplacement>>): Promise<TextModel> {
    const copies = ModelWeights.copyOf(weights);
    return this.#inTurn(async () => {
      const replaced = await this.weights.replaced(copies);
      return new TextModel(await stepsWithWeights(this.#steps, replaced));
    });
  }

  /** Cached texts stay until they are closed themselves. Idempotent. */
  close(): void {
    this.#steps.close();
    this.#scores.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Calls share the cache and the scratch tensors. */
  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    this.#next.separate();
    return this.#steps.turns.take(call);
  }

  #checkIds(what: string, ids: readonly number[], cache?: CachedText): void {
    checkIds(what, ids, this.config, { least: 1, most: this.maxModelLen - (cache?.length ?? 0) });
  }

  /** Checks a text, its taps and its edits; returns a copy that the caller can't change. @param end its length where it grows. */
  #checked(what: string, ids: readonly number[], options: ForwardOptions, end: number | null = null): CheckedText {
    const { cache } = options;
    this.#checkIds(what, ids, cache);
    const { device, parts } = this.#steps;
    const text = { firstPosition: cache?.length ?? 0, numTokens: ids.length, end };
    return {
      ids: [...ids],
      cache,
      interventions: checkInterventions(options, { model: parts.model, device, ...text }),
    };
  }

  #checkScored(what: string, ids: readonly number[]): void {
    checkIds(what, ids, this.config, { least: 2, most: this.maxModelLen + 1 });
  }

  #started({ ids, cache, interventions }: CheckedText): StartedText {
    if (cache === undefined) return { promptIds: ids, start: 0, interventions };
    const cached = cache.blocksFor(this.#state);
    return { promptIds: [...cache.ids, ...ids], start: cache.length, cached, interventions };
  }
}
