// Bind groups are made once for each layout and set of ranges: a recorded step makes none.

/** A range of a buffer as a kernel sees it. */
export interface BoundRange {
  readonly buffer: GPUBuffer;
  /** Bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/**
 * Bind groups by layout and ranges: creating one costs about ten times as much as a dispatch in Node, so each is made
 * once and lives as long as its buffers.
 */
export class BindGroupCache {
  readonly #create: (descriptor: GPUBindGroupDescriptor & { label: string }) => GPUBindGroup;
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #keysOfBuffer = new Map<GPUBuffer, Set<string>>();
  readonly #ids = new WeakMap<object, number>();
  #nextId = 0;

  /** @param create throws where the adapter refuses a bind group, so that no invalid one is kept. */
  constructor(create: (descriptor: GPUBindGroupDescriptor & { label: string }) => GPUBindGroup) {
    this.#create = create;
  }

  /** Number of bind groups alive. */
  get size(): number {
    return this.#groups.size;
  }

  get(label: string, layout: GPUBindGroupLayout, ranges: readonly BoundRange[]): GPUBindGroup {
    const parts = ranges.map(({ buffer, offset, size }) => `${this.#id(buffer)}:${offset}:${size}`);
    const key = `${this.#id(layout)}|${parts.join('|')}`;
    const known = this.#groups.get(key);
    if (known) return known;
    const entries = ranges.map((resource, binding) => ({ binding, resource }));
    const group = this.#create({ label, layout, entries });
    this.#groups.set(key, group);
    for (const { buffer } of ranges) {
      const keys = this.#keysOfBuffer.get(buffer) ?? new Set();
      this.#keysOfBuffer.set(buffer, keys.add(key));
    }
    return group;
  }

  /** Drops the bind groups that hold the buffer. */
  forget(buffer: GPUBuffer): void {
    const keys = this.#keysOfBuffer.get(buffer);
    if (keys === undefined) return;
    this.#keysOfBuffer.delete(buffer);
    for (const key of keys) {
      this.#groups.delete(key);
      for (const [other, keysOfOther] of this.#keysOfBuffer) {
        keysOfOther.delete(key);
        if (keysOfOther.size === 0) this.#keysOfBuffer.delete(other);
      }
    }
  }

  #id(object: object): number {
    const known = this.#ids.get(object);
    if (known !== undefined) return known;
    this.#ids.set(object, this.#nextId);
    return this.#nextId++;
  }
}
