// Tensors of one forward pass, closed as one.
import type { Tensor } from '../gpu/tensor.ts';

/** Result of `forward` for one text. The caller owns it: declare it with `using`, or close it. */
export class ForwardResult implements Disposable {
  /** [T, V] */
  readonly logits: Tensor;
  /** Output of each tapped module, [T, its width]. */
  readonly taps: ReadonlyMap<string, Tensor>;

  /** @internal */
  constructor(logits: Tensor, taps: ReadonlyMap<string, Tensor>) {
    this.logits = logits;
    this.taps = taps;
  }

  /** Closes the logits and all taps; idempotent. */
  close(): void {
    for (const tensor of [this.logits, ...this.taps.values()]) tensor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
