// The time of a readback by itself. It is a property of adapter and driver, so it is measured once, before the first step.
import type { Device } from '../gpu/device.ts';
import { ReadbackRing } from '../gpu/readback-ring.ts';
import { Tensor } from '../gpu/tensor.ts';

/** Readbacks of which the fastest counts: the first ones find an adapter that sleeps. */
const READBACKS = 8;

/**
 * Measures the milliseconds from a submit that copies one word to its arrival on the host.
 *
 * @throws GpuError when the adapter has no room; DeviceLostError.
 */
export async function measureReadback(device: Device): Promise<number> {
  using word = Tensor.create(device, 'readback', 'u32', [1]);
  const part = { tensor: word, size: word.range.size };
  using owned = new DisposableStack();
  const ring = owned.adopt(new ReadbackRing(device, 'readback', part.size), (each) => each.close());
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < READBACKS; n++) {
    const start = performance.now();
    await ring.submit(device.gpu.createCommandEncoder({ label: 'readback' }), [part]);
    least = Math.min(least, performance.now() - start);
  }
  return least;
}
