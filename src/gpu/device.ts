// The owner of all that lives on the GPU. WebGPU only logs its errors, so every call of it runs where they become exceptions.
import { setTimeout } from 'node:timers/promises';
import { type Checks, checkOptions, oneOf, text } from '../util/option-checks.ts';
import { type AdapterChoice, type AdapterIdentity, findAdapter } from './adapter.ts';
import { BindGroups } from './bind-groups.ts';
import { DeviceLostError, GpuError } from './errors.ts';
import { BufferUsage, MapMode } from './flags.ts';
import { lowPriority } from './host-priority.ts';
import type { PollGovernor } from './poll-governor.ts';
import { ownReduction, REDUCTION_CLASSES, type ReductionClass } from './reduction.ts';
import { UncapturedErrors } from './uncaptured-errors.ts';
import { UniformSlices } from './uniform-slices.ts';

/** How to open a device. */
export interface DeviceOptions extends AdapterChoice {
  /**
   * `auto` (default) uses the optional features that the adapter has; `base` uses none of them, as the simplest adapter
   * would: no subgroups, WebGPU's default limits.
   */
  readonly features?: 'auto' | 'base' | undefined;
  /** Reduction class of all kernels; the adapter's own kind when absent. */
  readonly reduction?: ReductionClass | undefined;
}

/** Identity of a device in reports and caches. */
export interface DeviceIdentity extends AdapterIdentity {
  readonly reduction: ReductionClass;
}

/** Properties of a device that kernels may rely on when they choose a variant. */
export interface DeviceTraits {
  /** Lanes of the narrowest subgroup, or 0 where subgroups can't be used. */
  readonly minSubgroupSize: number;
  /** GPU time can be measured. */
  readonly timestamps: boolean;
  /** A software adapter: few wide lanes on a CPU. */
  readonly isSoftware: boolean;
  /** As WebGPU names it, such as `nvidia`; empty where it does not. */
  readonly vendor: string;
  /** Order in which every kernel sums. */
  readonly reduction: ReductionClass;
}

/** A check of each option. */
export const DEVICE_OPTIONS: Checks<DeviceOptions> = {
  adapter: text,
  backend: text,
  features: oneOf(['auto', 'base']),
  reduction: oneOf(REDUCTION_CLASSES),
};
const OPTIONAL_FEATURES: readonly GPUFeatureName[] = ['subgroups', 'timestamp-query'];
const RAISED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxStorageBuffersPerShaderStage',
] as const;
/** Label of the buffers of the scalars of dispatches. */
const SCALARS = 'scalars';
/** Longest delay of the report of a loss after a `mapAsync` that failed for it, in milliseconds. */
const LOSS_MILLISECONDS = 100;

/**
 * Opens a device, as `Device.open`: the first adapter that answers, with the optional features that it has.
 *
 * @throws RangeValueError for an unknown option or value; AdapterError when no adapter fits.
 */
export function openDevice(options: DeviceOptions = {}): Promise<Device> {
  return Device.open(options);
}

/** An open GPU device, the owner of all buffers on it. Close it to free them and to let the process end. */
export class Device {
  readonly gpu: GPUDevice;
  readonly identity: DeviceIdentity;
  readonly traits: DeviceTraits;
  /** @internal */
  readonly bindGroups: BindGroups;
  readonly #scalars: UniformSlices;
  readonly #buffers = new Set<GPUBuffer>();
  readonly #lost: Promise<never>;
  /** Callbacks of calls that wait; a loss calls all of them. */
  readonly #waiting = new Set<(error: DeviceLostError) => void>();
  readonly #uncaptured: UncapturedErrors;
  #liveBytes = 0;
  #lostError: DeviceLostError | null = null;
  #governor: PollGovernor | null = null;
  #yields = false;
  #closed = false;

  private constructor(gpu: GPUDevice, identity: DeviceIdentity, traits: DeviceTraits) {
    this.gpu = gpu;
    this.identity = identity;
    this.traits = traits;
    this.#uncaptured = new UncapturedErrors(gpu);
    const usage = BufferUsage.UNIFORM | BufferUsage.COPY_DST;
    this.#scalars = new UniformSlices(gpu.queue, (size) =>
      this.attempt(SCALARS, () => gpu.createBuffer({ label: SCALARS, size, usage })),
    );
    this.bindGroups = new BindGroups(this.#scalars, (descriptor) =>
      this.attempt(descriptor.label, () => gpu.createBindGroup(descriptor)),
    );
    this.#lost = gpu.lost.then((info) => {
      this.#lostError ??= new DeviceLostError(info.reason, info.message);
      for (const tell of this.#waiting) tell(this.#lostError);
      throw this.#lostError;
    });
    this.#lost.catch(() => {});
  }

  /** @throws RangeValueError for an unknown option or value; AdapterError when no adapter fits. */
  static async open(options: DeviceOptions = {}): Promise<Device> {
    // A software adapter's threads would inherit the lowest priority.
    using _own = lowPriority.pause();
    checkOptions('options of a device', options, DEVICE_OPTIONS);
    const { features = 'auto', reduction: asked, ...choice } = options;
    const { adapter, identity } = await findAdapter(choice);
    const reduction = asked ?? ownReduction(identity);
    const auto = features === 'auto';
    const requiredFeatures = auto ? OPTIONAL_FEATURES.filter((feature) => adapter.features.has(feature)) : [];
    const requiredLimits: Record<string, number> = {};
    if (auto) for (const limit of RAISED_LIMITS) requiredLimits[limit] = adapter.limits[limit];
    const gpu = await adapter.requestDevice({ label: 'roseinfer', requiredFeatures, requiredLimits });
    const traits: DeviceTraits = {
      minSubgroupSize: gpu.features.has('subgroups') ? (adapter.info.subgroupMinSize ?? 0) : 0,
      timestamps: gpu.features.has('timestamp-query'),
      isSoftware: identity.isSoftware,
      vendor: adapter.info.vendor,
      reduction,
    };
    return new Device(gpu, { ...identity, reduction }, traits);
  }

  /** Buffers created and not yet destroyed, but for those of the scalars of dispatches. */
  get liveBuffers(): number {
    return this.#buffers.size;
  }

  /** Bytes in them. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** @throws GpuError when the size is beyond the adapter's limit, or it has no room; DeviceLostError. */
  createBuffer(descriptor: GPUBufferDescriptor & { label: string }): GPUBuffer {
    if (this.#lostError) throw this.#lostError;
    const max = this.gpu.limits.maxBufferSize;
    if (descriptor.size > max) {
      throw new GpuError(descriptor.label, `buffer of ${descriptor.size} bytes, the adapter's largest is ${max}`);
    }
    const buffer = this.attempt(descriptor.label, () => this.gpu.createBuffer(descriptor));
    this.#buffers.add(buffer);
    this.#liveBytes += buffer.size;
    return buffer;
  }

  /** Tells whether the buffer was created here and is not yet destroyed. */
  isLive(buffer: GPUBuffer): boolean {
    return this.#buffers.has(buffer);
  }

  /** Frees a buffer and the bind groups that hold it; a second call does nothing. */
  destroyBuffer(buffer: GPUBuffer): void {
    if (!this.#buffers.delete(buffer)) return;
    this.#liveBytes -= buffer.size;
    this.bindGroups.forget(buffer);
    buffer.destroy();
  }

  /**
   * Runs GPU calls that are done when they return; costs nothing on the GPU.
   *
   * @throws GpuError with the first line of what WebGPU reported meanwhile, and would otherwise only log.
   */
  attempt<T>(label: string, calls: () => T): T {
    return this.#uncaptured.during(label, calls);
  }

  /**
   * Runs GPU calls whose errors WebGPU may report later, and waits for the report.
   *
   * @throws GpuError with the driver's first line; as `throwIfFailed`.
   */
  async checked<T>(label: string, calls: () => T | Promise<T>): Promise<T> {
    this.throwIfFailed();
    const filters = ['validation', 'out-of-memory', 'internal'] as const;
    for (const filter of filters) this.gpu.pushErrorScope(filter);
    // All three are popped before anything is awaited, so that scopes of calls running side by side stay paired.
    const outcome = Promise.try(calls);
    const reports = filters.map(() => this.gpu.popErrorScope());
    const [settled] = await Promise.allSettled([outcome]);
    const error = (await Promise.all(reports)).find((report) => report !== null);
    if (error) throw new GpuError(label, error.message);
    if (settled.status === 'rejected') throw settled.reason;
    return settled.value;
  }

  /** Reason why nothing on the device can run any more; null while it is there. */
  get loss(): DeviceLostError | null {
    return this.#lostError;
  }

  /**
   * Every call begins with it, so that no error stays unheard.
   *
   * @throws DeviceLostError, always, of a device that is lost or closed; GpuError, once, for what arrived outside `attempt`
   * and `checked`: a mistake of GPU calls past this class, which does no harm to others.
   */
  throwIfFailed(): void {
    if (this.#lostError) throw this.#lostError;
    this.#uncaptured.throwUnheard();
  }

  /**
   * Makes a governor space the polls for all readbacks from now on: `setImmediate` is replaced while one is pending.
   *
   * @internal
   */
  governPolls(governor: PollGovernor): void {
    this.#governor = governor;
  }

  /**
   * Gives the calling thread the lowest priority while a readback is pending, where the thread can restore it; see
   * `lowPriority`.
   */
  yieldWhileWaiting(): void {
    this.#yields = true;
  }

  /**
   * Waits for all work submitted so far and maps the first `size` bytes of a staging buffer.
   *
   * @throws DeviceLostError when the device goes away meanwhile, which `lost` and `mapAsync` may report in either order;
   * GpuError when the buffer can't be mapped.
   */
  async map(staging: GPUBuffer, size: number): Promise<ArrayBuffer> {
    using _low = this.#yields ? lowPriority.hold() : null;
    return await (this.#governor ? this.#governor.during(() => this.#map(staging, size)) : this.#map(staging, size));
  }

  /** Frees every buffer and the device; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#lostError ??= new DeviceLostError('closed', 'close() was called');
    for (const buffer of [...this.#buffers]) this.destroyBuffer(buffer);
    this.#scalars.close();
    this.gpu.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Settles as a promise does, or rejects when the device is lost before. `Promise.race` with `#lost` would leave a
   * handler on it for every readback, for as long as the device lives.
   */
  async #untilLost<T>(pending: Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    pending.then(resolve, reject);
    if (this.#lostError) reject(this.#lostError);
    this.#waiting.add(reject);
    try {
      return await promise;
    } finally {
      this.#waiting.delete(reject);
    }
  }

  async #map(staging: GPUBuffer, size: number): Promise<ArrayBuffer> {
    const { label } = staging;
    const mapped = this.attempt(label, () => {
      const mapping = staging.mapAsync(MapMode.READ, 0, size);
      mapping.catch(() => {}); // `attempt` may throw first
      return mapping;
    });
    try {
      await this.#untilLost(mapped);
    } catch (error) {
      await Promise.race([this.#lost, setTimeout(LOSS_MILLISECONDS)]);
      throw new GpuError(label, error instanceof Error ? error.message : String(error));
    }
    if (this.#lostError) throw this.#lostError;
    return staging.getMappedRange(0, size);
  }
}
