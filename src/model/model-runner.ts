import type { BatchPlan } from '../core/batch-plan.ts';
import type { Runner, RunnerLimits, StepResult } from '../core/runner.ts';
import type { Device } from '../gpu/device.ts';
import type { PollGovernor } from '../gpu/poll-governor.ts';
import type { Program } from '../gpu/program.ts';
import { ReadbackRing } from '../gpu/readback-ring.ts';
import { Recorder } from '../gpu/recorder.ts';
import { SPLIT_KEYS } from '../kernels/attention.ts';
import { RangeValueError } from '../util/errors.ts';
import { ceilDiv } from '../util/math.ts';
import { Activations } from './activations.ts';
import { compileForward } from './compile-forward.ts';
import type { GPT2Config } from './config.ts';
import { forward, type GPT2Parts, PREFILL_TILE_ROWS, type StepShape } from './gpt2.ts';
import { type GPT2Kernels, gpt2Kernels } from './gpt2-kernels.ts';
import { GPT2Weights, type LoadProgress } from './gpt2-weights.ts';
import { KVCache } from './kv-cache.ts';
import type { RunnerSizes } from './runner-sizes.ts';
import { StepInputs } from './step-inputs.ts';
import type { WeightSource } from './weight-source.ts';

/** What a runner is made with, besides its model and sizes. */
export interface ModelRunnerOptions {
  /** Ids from here on are never sampled; the vocabulary's size when absent. */
  readonly numSampledIds?: number | undefined;
  /** Bring the raw logits of every sampled row to the host, too. */
  readonly returnLogits?: boolean | undefined;
  readonly kernels?: GPT2Kernels | undefined;
  readonly governor?: PollGovernor | undefined;
  readonly onProgress?: LoadProgress | undefined;
}

/** Runs the steps of a GPT-2 on a device, which it does not own. */
export class ModelRunner implements Runner {
  readonly limits: RunnerLimits;
  readonly #device: Device;
  readonly #parts: GPT2Parts;
  readonly #ring: ReadbackRing;
  readonly #returnLogits: boolean;
  readonly #maxLogitsRows: number;
  /** Steps of decode rows only, by shape: they come again and again. */
  readonly #decodePrograms = new Map<string, Program>();
  readonly #inFlight = new Set<Promise<StepResult>>();

  private constructor(device: Device, parts: GPT2Parts, sizes: RunnerSizes, options: ModelRunnerOptions) {
    const { maxLogitsRows, vocabSize } = sizes;
    const rowBytes = RESULT_BYTES + (options.returnLogits ? 4 * vocabSize : 0);
    this.limits = sizes;
    this.#device = device;
    this.#parts = parts;
    this.#ring = new ReadbackRing(device, 'step result', maxLogitsRows * rowBytes, options.governor);
    this.#returnLogits = options.returnLogits ?? false;
    this.#maxLogitsRows = maxLogitsRows;
  }

  /**
   * Loads the weights, makes every buffer and compiles every kernel that a step can reach.
   *
   * @throws GpuError when the adapter has no room.
   */
  static async create(
    device: Device,
    config: GPT2Config,
    source: WeightSource,
    sizes: RunnerSizes,
    options: ModelRunnerOptions = {},
  ): Promise<ModelRunner> {
    const { maxBatchTokens, maxBatchSize, maxModelLen, blockSize } = sizes;
    using created = new DisposableStack();
    const own = <T extends { close(): void }>(resource: T): T => created.adopt(resource, (owned) => owned.close());
    const weights = own(await GPT2Weights.load(device, config, source, sizes.dtype, options.onProgress));
    const capacity = { ...sizes, maxBlocks: ceilDiv(maxModelLen, blockSize) };
    const parts = await device.checked('buffers of the model', () => ({
      config,
      weights,
      kv: own(new KVCache(device, config, sizes)),
      inputs: own(new StepInputs(device, capacity, PREFILL_TILE_ROWS)),
      activations: own(new Activations(device, config, sizes)),
      kernels: options.kernels ?? gpt2Kernels,
      numSampledIds: options.numSampledIds ?? config.vocabSize,
    }));
    await compileForward(device, parts, { maxBatchSize, maxBatchTokens, maxSplits: ceilDiv(maxModelLen, SPLIT_KEYS) });
    created.move();
    return new ModelRunner(device, parts, sizes, options);
  }

  /**
   * Submits a step: one write, one submit.
   *
   * @throws RangeValueError for a plan beyond the limits; DeviceLostError or GpuError when the device has failed.
   */
  execute(plan: BatchPlan): Promise<StepResult> {
    const step = this.#execute(plan);
    this.#inFlight.add(step);
    const done = () => this.#inFlight.delete(step);
    step.then(done, done);
    return step;
  }

  /** Waits for the steps in flight and frees everything; idempotent. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
    const { weights, kv, inputs, activations } = this.#parts;
    for (const resource of [weights, kv, inputs, activations, this.#ring, ...this.#decodePrograms.values()]) {
      resource.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #execute(plan: BatchPlan): Promise<StepResult> {
    this.#device.throwIfFailed();
    this.#checkPlan(plan);
    const { gpu } = this.#device;
    const { inputs, activations } = this.#parts;
    const numPrefillTiles = inputs.write(plan);
    const shape = stepShape(plan, numPrefillTiles);
    const R = shape.numLogitsRows;
    const encoder = gpu.createCommandEncoder({ label: 'step' });
    const isDecode = plan.numDecodeTokens === plan.numTokens;
    const program = isDecode ? this.#decodeProgram(shape) : this.#record(shape);
    program.encode(encoder);
    const parts = [{ tensor: activations.sampled, size: R * RESULT_BYTES }];
    if (this.#returnLogits) parts.push({ tensor: activations.logits, size: 4 * R * this.limits.vocabSize });
    const read = this.#ring.encode(encoder, parts);
    gpu.queue.submit([encoder.finish()]);
    if (!isDecode) program.close();
    const [sampled, logits] = await read();
    return stepResult(sampled, logits);
  }

  #decodeProgram(shape: StepShape): Program {
    const key = Object.values(shape).join();
    const known = this.#decodePrograms.get(key);
    if (known) return known;
    const program = this.#record(shape);
    this.#decodePrograms.set(key, program);
    return program;
  }

  #record(shape: StepShape): Program {
    const recorder = new Recorder(this.#device);
    forward(recorder, this.#parts, shape);
    return recorder.finish('step');
  }

  #checkPlan({ numTokens, numSequences, logitsRows, maxBlocks }: BatchPlan): void {
    const { maxBatchTokens, maxBatchSize, maxModelLen, blockSize } = this.limits;
    checkCount('tokens of the step', numTokens, maxBatchTokens);
    checkCount('sequences of the step', numSequences, maxBatchSize);
    checkCount('rows of logits', logitsRows.length, this.#maxLogitsRows);
    checkCount('blocks of a sequence', maxBlocks, ceilDiv(maxModelLen, blockSize));
  }
}

/** Bytes that come back of a row: u32 id, u32 finite. */
const RESULT_BYTES = 8;

function stepShape(plan: BatchPlan, numPrefillTiles: number): StepShape {
  const { numTokens, numDecodeTokens, contextLens, logitsRows } = plan;
  const longest = contextLens.subarray(0, numDecodeTokens).reduce((max, length) => Math.max(max, length), 1);
  return {
    numTokens,
    numDecodeTokens,
    numPrefillTiles,
    numDecodeSplits: ceilDiv(longest, SPLIT_KEYS),
    numLogitsRows: logitsRows.length,
    logitsOfAll: logitsRows.length === numTokens,
  };
}

function stepResult(sampled: ArrayBuffer = new ArrayBuffer(0), logits?: ArrayBuffer): StepResult {
  const pairs = new Int32Array(sampled);
  const ids = pairs.filter((_, i) => i % 2 === 0);
  const finite = Uint8Array.from(pairs.filter((_, i) => i % 2 === 1));
  return { ids, finite, ...(logits && { logits: new Float32Array(logits) }) };
}

function checkCount(name: string, count: number, max: number): void {
  if (count < 1 || count > max) throw new RangeValueError(name, count, `1 to ${max}`);
}
