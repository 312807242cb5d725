// A small tunable kernel that compiles quickly and whose result depends on the order of its sum: a choice that changes
// bits is seen.
import type { Device } from '../../../src/gpu/device.ts';
import { defineKernel } from '../../../src/gpu/kernel.ts';
import { read, write } from '../../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../../src/gpu/tensor.ts';
import type { Tunable } from '../../../src/tuning/tunables.ts';

/** Defaults of the constants of `sum`. */
export function sumConstants() {
  return { REPEAT: 1, DOWN: 0, SKIP: 0, FIRST: 0 };
}

/**
 * sum[1] of x[FIRST, N), or its negative where NEGATED; a variant loops REPEAT times, adds down from the end where
 * DOWN, and writes nothing where SKIP.
 */
export const sum = defineKernel({
  name: 'sum',
  source: /* wgsl */ `
    const REPEAT = constants::REPEAT;
    const DOWN = constants::DOWN;
    const SKIP = constants::SKIP;
    const FIRST = constants::FIRST;
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> sum: array<f32>;
    @compute @workgroup_size(1)
    fn main() {
      let N = arrayLength(&x);
      var total = 0.0;
      for (var turn = 0; turn < REPEAT; turn++) {
        total = 0.0;
        for (var i = u32(FIRST); i < N; i++) { total += x[select(i, N - 1u - i, DOWN == 1)]; }
      }
      @if(NEGATED) total = -total;
      if (SKIP == 0) { sum[0] = total; }
    }`,
  bindings: { x: read('N'), sum: write(1) },
  conditions: () => ({ NEGATED: false }),
  constants: sumConstants,
  tunables: { REPEAT: [1, 1000], DOWN: [0, 1], SKIP: [0, 1] },
  workgroups: () => [1, 1, 1],
  cost: ({ N }) => ({ bytes: 4 * N, flops: N }),
});

/** `sum` over 2,000 numbers whose sum depends on their order. */
export function tunableSum(device: Device, ...constants: Readonly<Record<string, number>>[]): Tunable {
  return {
    kernel: sum,
    fixed: {},
    sizes: [{ N: 2000 }],
    candidates: () => constants.map((each) => ({ constants: each })),
    prepare: (owned, { N = 0 }) => {
      const x = owned.use(
        Tensor.from(
          device,
          'x',
          Float32Array.from({ length: N }, (_, i) => Math.sin(i * i)),
        ),
      );
      const output = owned.use(Tensor.create(device, 'sum', 'f32', [1]));
      return { tensors: { x, sum: output }, scalars: {}, outputs: [output] };
    },
  };
}
