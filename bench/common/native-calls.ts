// Calls from JavaScript into WebGPU's native code, counted at the objects of one device: its methods and those of all that it makes
// are replaced on the objects themselves, so that other devices are as before.

/** Counter of the calls of a device's methods, and of those of its queue, encoders, passes and buffers. */
export class NativeCalls {
  readonly #counts = new Map<string, number>();
  /** Names of the replaced methods of each object. */
  readonly #watched = new Map<object, string[]>();

  /** @param gpu watched from now on; what it has made before is not. */
  constructor(gpu: GPUDevice) {
    this.#watch(gpu);
    this.#watch(gpu.queue);
  }

  /** Calls since the device was watched. */
  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Calls of one method since then, such as `dispatchWorkgroups`. */
  count(method: string): number {
    return this.#counts.get(method) ?? 0;
  }

  /** Counts no further call; idempotent. */
  close(): void {
    for (const [object, names] of this.#watched) for (const name of names) Reflect.deleteProperty(object, name);
    this.#watched.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Replaces the methods of an object, once. */
  #watch(object: object): void {
    if (this.#watched.has(object)) return;
    const names: string[] = [];
    this.#watched.set(object, names);
    for (let each = Object.getPrototypeOf(object); each !== Object.prototype; each = Object.getPrototypeOf(each)) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
        if (typeof value !== 'function' || name === 'constructor') continue;
        const counted = (...args: readonly unknown[]) => {
          this.#counts.set(name, this.count(name) + 1);
          const result: unknown = Reflect.apply(value, object, args);
          if (isGpuObject(result)) this.#watch(result);
          return result;
        };
        Object.defineProperty(object, name, { value: counted, configurable: true });
        names.push(name);
      }
    }
  }
}

/** Tells whether a value is an object of WebGPU. */
function isGpuObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && value.constructor.name.startsWith('GPU');
}
