// The owner of all that lives on the GPU. WebGPU only logs its errors, so every call of it runs where they become exceptions.
import { lowPriority } from '#platform';
import { checkOptions } from '../util/option-checks.ts';
import { sleep } from '../util/sleep.ts';
import { BindGroups } from './bind-groups.ts';
import { DEVICE_OPTIONS, type DeviceOptions } from './device-options.ts';
import { type DeviceIdentity, type DeviceTraits, traitsOf } from './device-traits.ts';
import { refusedDirectives } from './directives.ts';
import { DeviceLostError, GpuError } from './errors.ts';
import { BufferUsage, MapMode } from './flags.ts';
import { type OpenedGpu, openGpu } from './open-gpu.ts';
import type { PollGovernor } from './poll-governor.ts';
import { UncapturedErrors } from './uncaptured-errors.ts';
import { UniformSlices } from './uniform-slices.ts';

/** Label of the buffers of the scalars of dispatches. */
const SCALARS = 'scalars';
/** Longest delay of the report of a loss after a `mapAsync` that failed for it, in milliseconds. */
const LOSS_MILLISECONDS = 100;

/**
 * Opens a device: the first adapter that answers, with the optional features that it has. Or, with `gpu`, takes a GPUDevice
 * from elsewhere, which stays the caller's.
 *
 * @throws RangeValueError for an unknown option or value; AdapterError when no adapter fits; RequirementError for a feature
 * or limit that is required and lacking; DeviceLostError for a `gpu` that is lost.
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
  /**
   * Directives of WGSL that the implementation refuses and does without.
   *
   * @internal
   */
  readonly refusedDirectives: readonly string[];
  readonly #isOwned: boolean;
  readonly #scalars: UniformSlices;
  readonly #buffers = new Set<GPUBuffer>();
  /** Buffers of others, and how many tensors are over each. */
  readonly #borrowed = new Map<GPUBuffer, number>();
  readonly #lost: Promise<never>;
  /** Callbacks of calls that wait; a loss calls all of them. */
  readonly #waiting = new Set<(error: DeviceLostError) => void>();
  readonly #uncaptured: UncapturedErrors;
  readonly #owned = new DisposableStack();
  #liveBytes = 0;
  #lostError: DeviceLostError | null = null;
  #governor: PollGovernor | null = null;
  #yields = false;
  #closed = false;

  private constructor({ gpu, identity, isOwned }: OpenedGpu, traits: DeviceTraits, refused: readonly string[]) {
    this.gpu = gpu;
    this.identity = { ...identity, reduction: traits.reduction };
    this.traits = traits;
    this.refusedDirectives = refused;
    this.#isOwned = isOwned;
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

  /**
   * Opens a device, or takes one from elsewhere.
   *
   * @throws as `openDevice`.
   */
  static async open(options: DeviceOptions = {}): Promise<Device> {
    // A software adapter's threads would inherit the lowest priority.
    using _own = lowPriority.pause();
    checkOptions('options of a device', options, DEVICE_OPTIONS);
    const opened = await openGpu(options);
    const refused = await refusedDirectives(opened.gpu);
    const traits = traitsOf(opened.gpu, opened.info, opened.identity, options);
    const device = new Device(opened, traits, refused);
    await Promise.resolve(); // a device that is lost already says so then
    if (device.#lostError) throw device.#lostError;
    return device;
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

  /** Tells whether the buffer was created here and is not yet destroyed, or was lent and is not yet given back. */
  isLive(buffer: GPUBuffer): boolean {
    return this.#buffers.has(buffer) || this.#borrowed.has(buffer);
  }

  /**
   * Takes a buffer of someone else's, to be given back as often as it was taken.
   *
   * @internal
   * @throws GpuError when the implementation says at once that it is on another device, mapped or destroyed.
   */
  borrowBuffer(label: string, buffer: GPUBuffer): void {
    this.throwIfFailed();
    // Checks the buffer and writes nothing.
    this.attempt(label, () => this.gpu.queue.writeBuffer(buffer, 0, new Uint8Array(0)));
    this.#borrowed.set(buffer, (this.#borrowed.get(buffer) ?? 0) + 1);
  }

  /**
   * Gives a buffer back; with the last time the bind groups that hold it are freed.
   *
   * @internal
   */
  returnBuffer(buffer: GPUBuffer): void {
    const count = this.#borrowed.get(buffer) ?? 0;
    if (count > 1) this.#borrowed.set(buffer, count - 1);
    else if (this.#borrowed.delete(buffer)) this.bindGroups.forget(buffer);
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

  /**
   * Makes something close with the device.
   *
   * @internal
   */
  own(resource: Disposable): void {
    this.#owned.use(resource);
  }

  /** Frees every buffer that was created here, and the GPUDevice unless it is the caller's; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#lostError ??= new DeviceLostError('closed', 'close() was called');
    for (const buffer of [...this.#buffers]) this.destroyBuffer(buffer);
    this.#borrowed.clear();
    this.#scalars.close();
    this.#owned.dispose();
    this.#uncaptured.close();
    if (this.#isOwned) this.gpu.destroy();
    else for (const tell of this.#waiting) tell(this.#lostError);
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
      if (this.#lostError) throw this.#lostError;
      await Promise.race([this.#lost, sleep(LOSS_MILLISECONDS)]);
      throw new GpuError(label, error instanceof Error ? error.message : String(error));
    }
    if (this.#lostError) throw this.#lostError;
    return staging.getMappedRange(0, size);
  }
}
