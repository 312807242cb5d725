// Tensors of one forward pass, closed as one.
import type { Tensor } from '../gpu/tensor.ts';
import type { PointName } from '../models/points.ts';

/** Result of `forward` for one text. The caller owns it: declare it with `using`, or close it. */
export class ForwardResult implements Disposable {
  /** [T, V] */
  readonly logits: Tensor;
  /** Values of each tapped point, in its shape. */
  readonly taps: ReadonlyMap<PointName, Tensor>;

  /** @internal */
  constructor(logits: Tensor, taps: ReadonlyMap<PointName, Tensor>) {
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
