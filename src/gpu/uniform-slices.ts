// Scalars of dispatches on the GPU: slices of uniform buffers that the host has a copy of, so that all changes since the last
// write are one write.
import type { BoundRange } from './bound-operands.ts';

/** Bytes of a slice: on every adapter a uniform binding may start at multiples of it. */
const SLICE_BYTES = 256;
/** Slices of a buffer. */
const NUM_SLICES = 256;
const SLICE_WORDS = SLICE_BYTES / 4;

/** Uniform buffer and its bytes on the host; words from `first` to `end` differ from the GPU's. */
interface Page {
  readonly buffer: GPUBuffer;
  readonly words: Uint32Array<ArrayBuffer>;
  first: number;
  end: number;
}

/** Slice of a uniform buffer. */
export interface UniformSlice {
  readonly range: BoundRange;
  readonly page: Page;
}

/** Uniform buffers in slices of 64 words, as many as are taken at once. */
export class UniformSlices {
  readonly #create: (bytes: number) => GPUBuffer;
  readonly #queue: GPUQueue;
  readonly #pages: Page[] = [];
  /** The next one last. */
  readonly #free: UniformSlice[] = [];

  constructor(queue: GPUQueue, create: (bytes: number) => GPUBuffer) {
    this.#queue = queue;
    this.#create = create;
  }

  /** Takes a slice of any content; neighbours follow each other as far as they are free. */
  take(): UniformSlice {
    return this.#free.pop() ?? this.#grow();
  }

  /** Gives a slice back. */
  free(slice: UniformSlice): void {
    this.#free.push(slice);
  }

  /** Changes the first words of a slice, for the dispatches that are submitted after the next `flush`. */
  set({ page, range }: UniformSlice, words: Uint32Array): void {
    const start = range.offset / 4;
    page.words.set(words, start);
    page.first = Math.min(page.first, start);
    page.end = Math.max(page.end, start + words.length);
  }

  /** Writes what changed: one write a buffer, and mostly none. */
  flush(): void {
    for (const page of this.#pages) {
      const { buffer, words, first, end } = page;
      if (first >= end) continue;
      this.#queue.writeBuffer(buffer, 4 * first, words, first, end - first);
      page.first = words.length;
      page.end = 0;
    }
  }

  /** Frees the buffers; idempotent. */
  close(): void {
    for (const { buffer } of this.#pages) buffer.destroy();
  }

  #grow(): UniformSlice {
    const words = new Uint32Array(NUM_SLICES * SLICE_WORDS);
    const page = { buffer: this.#create(words.byteLength), words, first: words.length, end: 0 };
    this.#pages.push(page);
    const { buffer } = page;
    for (let index = NUM_SLICES - 1; index > 0; index--) {
      this.#free.push({ page, range: { buffer, offset: index * SLICE_BYTES, size: SLICE_BYTES } });
    }
    return { page, range: { buffer, offset: 0, size: SLICE_BYTES } };
  }
}
