// Bind groups of recorded dispatches. A group holds the scalars too, in a slice of a uniform buffer: a call for them would cost a
// quarter of a dispatch in Node. Making a group costs ten dispatches, so a free one gets other scalars before one is made.
import type { BoundOperands } from './bound-operands.ts';
import type { UniformSlice, UniformSlices } from './uniform-slices.ts';

/** Bind group with the scalars of the dispatches that hold it. */
export interface BoundGroup {
  readonly group: GPUBindGroup;
}

/** Bind group over some ranges, and the scalars in it. */
interface Entry extends BoundGroup {
  readonly slice: UniformSlice | null;
  params: Uint32Array | null;
  numHolders: number;
  /** True until one of its buffers is destroyed. */
  isKnown: boolean;
}

/** Bind groups of a device. Those that nothing holds are kept for as long as their buffers live, for later dispatches. */
export class BindGroups {
  readonly #create: (descriptor: GPUBindGroupDescriptor & { label: string }) => GPUBindGroup;
  readonly #slices: UniformSlices;
  /** By layout and ranges: one for each list of scalars that are held at once. */
  readonly #entries = new Map<string, Entry[]>();
  readonly #keysOfBuffer = new Map<GPUBuffer, Set<string>>();
  readonly #ids = new WeakMap<object, number>();
  #nextId = 0;

  /** @param create throws where the adapter refuses a bind group, so that no invalid one is kept. */
  constructor(slices: UniformSlices, create: (descriptor: GPUBindGroupDescriptor & { label: string }) => GPUBindGroup) {
    this.#slices = slices;
    this.#create = create;
  }

  /** Number of bind groups whose buffers live. */
  get size(): number {
    return [...this.#entries.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** Holds the bind group of a dispatch, to be released once; its scalars arrive with the next `flush`. */
  hold(operands: BoundOperands): BoundGroup {
    const { bindGroupLayout, ranges, params } = operands;
    const parts = ranges.map(({ buffer, offset, size }) => `${this.#id(buffer)}:${offset}:${size}`);
    const key = `${this.#id(bindGroupLayout)}|${parts.join('|')}`;
    const entries = this.#entries.get(key) ?? [];
    const entry =
      entries.find((each) => holdsWords(each.params, params)) ??
      entries.find(({ numHolders }) => numHolders === 0) ??
      this.#make(key, operands);
    if (entry.slice !== null && params !== null && !holdsWords(entry.params, params)) {
      this.#slices.set(entry.slice, params);
      entry.params = params;
    }
    entry.numHolders++;
    return entry;
  }

  /** Lets go of a bind group: later dispatches may change its scalars. */
  release(group: BoundGroup): void;
  release(entry: Entry): void {
    entry.numHolders--;
    this.#freeSlice(entry);
  }

  /** Writes the scalars of the bind groups that were held since the last time. */
  flush(): void {
    this.#slices.flush();
  }

  /** Drops the bind groups over the buffer. */
  forget(buffer: GPUBuffer): void {
    const keys = this.#keysOfBuffer.get(buffer);
    if (keys === undefined) return;
    this.#keysOfBuffer.delete(buffer);
    for (const key of keys) {
      for (const entry of this.#entries.get(key) ?? []) {
        entry.isKnown = false;
        this.#freeSlice(entry);
      }
      this.#entries.delete(key);
      for (const [other, keysOfOther] of this.#keysOfBuffer) {
        keysOfOther.delete(key);
        if (keysOfOther.size === 0) this.#keysOfBuffer.delete(other);
      }
    }
  }

  #make(key: string, { label, bindGroupLayout: layout, ranges, params }: BoundOperands): Entry {
    const slice = params && this.#slices.take();
    const resources = slice ? [...ranges, slice.range] : ranges;
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    let group: GPUBindGroup;
    try {
      group = this.#create({ label, layout, entries });
    } catch (error) {
      if (slice) this.#slices.free(slice);
      throw error;
    }
    const entry = { group, slice, params: null, numHolders: 0, isKnown: true };
    this.#entries.set(key, [...(this.#entries.get(key) ?? []), entry]);
    for (const { buffer } of ranges) {
      const keys = this.#keysOfBuffer.get(buffer) ?? new Set();
      this.#keysOfBuffer.set(buffer, keys.add(key));
    }
    return entry;
  }

  /** Frees the slice of an entry that nothing can hold again. */
  #freeSlice({ slice, isKnown, numHolders }: Entry): void {
    if (slice !== null && !isKnown && numHolders === 0) this.#slices.free(slice);
  }

  #id(object: object): number {
    const known = this.#ids.get(object);
    if (known !== undefined) return known;
    this.#ids.set(object, this.#nextId);
    return this.#nextId++;
  }
}

/** Compares scalars as words. */
function holdsWords(held: Uint32Array | null, wanted: Uint32Array | null): boolean {
  if (held === null || wanted === null) return held === wanted;
  return held.every((word, index) => word === wanted[index]);
}
