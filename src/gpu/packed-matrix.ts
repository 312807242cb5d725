// A matrix in a storage format of its own. A kernel takes its sizes, and the conditions under which it reads the
// format, from the matrix itself: the number of words doesn't tell, since padding hides a wrong size.
/// <reference lib="esnext.disposable" preserve="true" />
import type { Tensor } from './tensor.ts';

/** A matrix on the GPU for the packed bindings of kernels; the owner of its words. */
export abstract class PackedMatrix {
  /** Name of the format. */
  abstract readonly dtype: string;
  /** Conditions of a kernel under which it reads the format, those of other formats among them. */
  abstract readonly conditions: Readonly<Record<string, boolean>>;
  /** Rows and columns. */
  readonly shape: readonly [number, number];
  /** The matrix as it is stored: what a kernel binds. */
  readonly words: Tensor;

  protected constructor(shape: readonly [number, number], words: Tensor) {
    this.shape = shape;
    this.words = words;
  }

  get label(): string {
    return this.words.label;
  }

  /** Frees the words; idempotent. */
  close(): void {
    this.words.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
