// The Runner of a model: a step is one write, one submit and one read back, and nothing of it depends on the scheduler.
import type { BatchPlan } from '../core/batch-plan.ts';
import { type Lease, RunnerInUseError } from '../core/lease.ts';
import type { ExecuteOptions, ModelLimits, Runner, StepResult, StepTimes } from '../core/runner.ts';
import { RunnerClosedError } from '../core/runner-closed-error.ts';
import type { Device } from '../gpu/device.ts';
import { KernelTimer } from '../gpu/kernel-timer.ts';
import type { Program } from '../gpu/program.ts';
import { Recorder } from '../gpu/recorder.ts';
import type { ModelDefinition } from '../models/architecture.ts';
import type { StepShape } from '../models/step.ts';
import type { WeightSource } from '../models/weight-source.ts';
import { RangeValueError } from '../util/errors.ts';
import { ceilDiv } from '../util/math.ts';
import { type Checks, checkOptions, oneOf } from '../util/option-checks.ts';
import { forward } from './forward.ts';
import { measureReadback } from './measure-readback.ts';
import { closeParts, createParts, type ModelOptions, type ModelParts } from './model-parts.ts';
import type { RuntimeSizes } from './runtime-sizes.ts';
import { adjusts, hasMasks } from './step-inputs.ts';
import { StepReadback } from './step-readback.ts';
import { stepShape } from './step-shape.ts';
import { runVariants, type WarmUpProgress } from './warm-up.ts';

/** Options of a runner besides its model and sizes. */
export interface ModelRunnerOptions extends ModelOptions, Partial<Pick<Runner, 'eosIds'>> {
  /** Reads back the raw logits of every sampled row, too; default false. */
  readonly returnLogits?: boolean | undefined;
  /** Runs every kernel variant once, for drivers that compile at the first dispatch; default false. */
  readonly warmUp?: boolean | undefined;
  readonly onWarmUp?: WarmUpProgress | undefined;
}

const STEP_OPTIONS: Checks<ExecuteOptions> = { timed: oneOf(['step', 'kernels']) };

/** Runs the steps of a model on a device, which it does not own. */
export class ModelRunner implements Runner {
  readonly limits: ModelLimits;
  readonly eosIds: readonly number[];
  /** Absent on a software adapter, whose steps take the host's processor: an idle GPU is none of its concerns. */
  readonly readbackMs: number | undefined;
  readonly #device: Device;
  readonly #parts: ModelParts;
  readonly #readback: StepReadback;
  readonly #timer: KernelTimer;
  readonly #sizes: RuntimeSizes;
  /** Programs of steps of decode rows only, by shape: such steps repeat. */
  readonly #decodePrograms = new Map<string, Program>();
  readonly #inFlight = new Set<Promise<StepResult>>();
  #closed: RunnerClosedError | null = null;
  /** Lease of the engine whose steps came last. */
  #lease: Lease | null = null;

  private constructor(
    device: Device,
    parts: ModelParts,
    sizes: RuntimeSizes,
    { eosIds = [], returnLogits = false, readbackMs }: ModelRunnerOptions & Pick<Runner, 'readbackMs'>,
  ) {
    this.limits = sizes;
    this.eosIds = eosIds;
    this.readbackMs = readbackMs;
    this.#device = device;
    this.#parts = parts;
    this.#readback = new StepReadback(device, parts.scratch, returnLogits);
    this.#timer = new KernelTimer(device);
    this.#sizes = sizes;
  }

  /**
   * Loads the weights, makes every buffer and compiles every kernel that a step can reach.
   *
   * @internal
   * @throws GpuError when the adapter has no room.
   */
  static async create(
    device: Device,
    model: ModelDefinition,
    source: WeightSource,
    sizes: RuntimeSizes,
    options: ModelRunnerOptions = {},
  ): Promise<ModelRunner> {
    const readbackMs = device.traits.isSoftware ? undefined : await measureReadback(device);
    const parts = await createParts(device, model, source, sizes, options);
    await using created = new AsyncDisposableStack();
    const runner = created.use(new ModelRunner(device, parts, sizes, { ...options, readbackMs }));
    if (options.warmUp) await runner.#warmUp(sizes, options.onWarmUp);
    created.move();
    return runner;
  }

  /** Error of every further step: DeviceLostError on a device that is lost or closed, RunnerClosedError after `close`. */
  get failure(): Error | null {
    return this.#device.loss ?? this.#closed;
  }

  /**
   * Submits a step: one write, one submit. One that is timed creates GPU objects besides.
   *
   * @throws RangeValueError for a plan beyond the limits or an unknown option; DeviceLostError or GpuError when the device has failed;
   * RunnerClosedError after `close`; RunnerInUseError for a plan of another engine, or of none, while one that is not
   * closed has the runner, wrapped or not.
   */
  execute(plan: BatchPlan, options: ExecuteOptions = {}): Promise<StepResult> {
    const step = this.#execute(plan, options);
    this.#inFlight.add(step);
    const done = () => this.#inFlight.delete(step);
    step.then(done, done);
    return step;
  }

  /**
   * Writes a step's inputs and returns its dispatches in a program that the caller owns: for a profiler, which may run them
   * in parts. Later steps find in the cache what those left.
   *
   * @throws as `execute`.
   */
  record(plan: BatchPlan): Program {
    this.#check(plan);
    return this.#record(stepShape(plan, this.#parts.inputs.write(plan), this.#sizes));
  }

  /** Takes no more steps, waits for those in flight and frees everything; idempotent. */
  async close(): Promise<void> {
    this.#closed ??= new RunnerClosedError();
    await Promise.allSettled(this.#inFlight);
    closeParts(this.#parts);
    for (const resource of [this.#readback, ...this.#decodePrograms.values()]) resource.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Runs every variant once; cache and `nextTokens` stay as they are. */
  async #warmUp(sizes: RuntimeSizes, onProgress: WarmUpProgress | undefined): Promise<void> {
    const { nextTokens } = this.#parts.scratch;
    const before = await nextTokens.read();
    await runVariants(this.#device, this.#parts, sizes, onProgress);
    nextTokens.write(before);
  }

  async #execute(plan: BatchPlan, options: ExecuteOptions): Promise<StepResult> {
    checkOptions('options of a step', options, STEP_OPTIONS);
    this.#check(plan);
    const { gpu } = this.#device;
    const shape = stepShape(plan, this.#parts.inputs.write(plan), this.#sizes);
    const encoder = gpu.createCommandEncoder({ label: 'step' });
    const isDecode = plan.numDecodeTokens === plan.numTokens;
    const program = isDecode ? this.#decodeProgram(shape) : this.#record(shape);
    const readTimes = this.#encode(encoder, program, options.timed);
    let submitted: Promise<StepResult>;
    try {
      submitted = this.#readback.submit(encoder, plan, shape);
    } finally {
      if (!isDecode) program.close();
    }
    const [result, times] = await Promise.all([submitted, readTimes?.()]);
    return { ...result, ...(times && { times }) };
  }

  /** Encodes a program. @returns a function that reads its times; null for a step that is not timed. */
  #encode(
    encoder: GPUCommandEncoder,
    program: Program,
    timed: ExecuteOptions['timed'],
  ): (() => Promise<StepTimes>) | null {
    if (timed === undefined || !this.#device.traits.timestamps) {
      program.encode(encoder);
      return null;
    }
    if (timed === 'step') {
      const read = this.#timer.encodeWhole(encoder, program);
      return async () => ({ ...(await read()), kernels: [] });
    }
    const read = this.#timer.encodeEach(encoder, program);
    return async () => {
      const kernels = await read();
      const start = kernels[0]?.start ?? 0;
      const end = kernels.reduce((latest, kernel) => Math.max(latest, kernel.start + kernel.nanoseconds), start);
      return { start, nanoseconds: end - start, kernels };
    };
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
    return recorder.finishBuilt('step');
  }

  #check(plan: BatchPlan): void {
    this.#device.throwIfFailed();
    if (this.#closed !== null) throw this.#closed;
    const { lease = null } = plan;
    if (lease !== this.#lease && this.#lease?.isHeld) throw new RunnerInUseError();
    this.#lease = lease;
    const { numTokens, numSequences, logitsRows, maxBlocks, samplingRows } = plan;
    const { maxBatchTokens, maxBatchSize, maxModelLen, blockSize } = this.limits;
    checkCount('tokens of the step', numTokens, maxBatchTokens);
    checkCount('sequences of the step', numSequences, maxBatchSize);
    checkCount('rows of logits', Math.max(logitsRows.length, 1), this.#sizes.maxLogitsRows);
    checkCount('blocks of a sequence', maxBlocks, ceilDiv(maxModelLen, blockSize));
    if (plan.scored) checkCount('scored tokens', plan.scored.rows.length, numTokens);
    if (!adjusts(plan) && !hasMasks(plan)) return;
    const numAdjusted = samplingRows.reduce((sum, { adjustment }) => sum + (adjustment?.tokens.length ?? 0), 0);
    checkCount('rows of a step with adjusted or masked logits', logitsRows.length, maxBatchSize);
    const [maxAdjusted = 0] = this.#parts.inputs.tensors.adjustEntries.shape;
    if (numAdjusted > maxAdjusted) throw new RangeValueError('adjusted logits', numAdjusted, `at most ${maxAdjusted}`);
    const [, maskLength] = this.#parts.inputs.tensors.masks.shape;
    for (const { mask } of samplingRows) {
      if (mask && mask.length !== maskLength)
        throw new RangeValueError('words of a mask', mask.length, `${maskLength}`);
    }
  }
}

function checkCount(name: string, count: number, max: number): void {
  if (count < 1 || count > max) throw new RangeValueError(name, count, `1 to ${max}`);
}
