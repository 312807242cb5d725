// Workgroup counts that a kernel declares: whole numbers cover all elements, anything else is refused by name before it
// reaches the driver.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { KernelError } from '../../src/gpu/errors.ts';
import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** y = x + 1, 64 elements a workgroup, on a grid that TypeScript need not let pass. */
function increment(workgroups: (dims: { readonly N: number }) => unknown): Kernel {
  const spec = {
    name: 'increment',
    source: `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&x)) { y[id.x] = x[id.x] + 1; }
}`,
    bindings: { x: read('N'), y: write('N') },
    workgroups,
    cost: () => ({ bytes: 0, flops: 0 }),
  };
  return Reflect.apply(defineKernel, null, [spec]);
}

async function run(kernel: Kernel, length: number): Promise<ArrayLike<number>> {
  using x = Tensor.from(device, 'x', new Float32Array(length).fill(1));
  using y = Tensor.create(device, 'y', 'f32', [length]);
  await kernel.run(device, { x, y }, {});
  return await y.read();
}

describe('a grid', () => {
  test('in whole numbers covers all elements', async () => {
    const kernel = increment(({ N }) => [Math.ceil(N / 64), 1, 1]);
    expect(await run(kernel, 100)).toEqual(new Float32Array(100).fill(2));
  });

  test.each([
    [100 / 64, 'a whole number: Math.ceil covers the rest, and the shader leaves out what is beyond'],
    [0.5, 'a whole number: Math.ceil covers the rest, and the shader leaves out what is beyond'],
    [Number.NaN, 'a natural number'],
    [-1, 'a natural number'],
    [-0.5, 'a natural number'],
    [Number.POSITIVE_INFINITY, 'a natural number'],
    [undefined, 'a natural number'],
    ['2', 'a natural number'],
    [2n, 'a natural number'],
    [0, 'at least 1, for no tensor is empty'],
    [65_536, "at most the adapter's 65535: spread them over two dimensions"],
    [2 ** 40, "at most the adapter's 65535: spread them over two dimensions"],
  ])('of %s workgroups in any dimension is refused', async (count, expected) => {
    for (const [i, dimension] of ['x', 'y', 'z'].entries()) {
      const grid = [1, 1, 1].map((one, j) => (j === i ? count : one));
      const error = await run(
        increment(() => grid),
        100,
      ).then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(KernelError);
      expect(String(error)).toContain(`increment: workgroups ${dimension} is ${count === '2' ? '"2"' : count} of [`);
      expect(String(error)).toContain(`, expected ${expected}`);
    }
  });

  test.each([[[2, 1]], [[2]], [[2, 1, 1, 1]], [2], [undefined], [null], [{ x: 2 }], [Uint32Array.of(2, 1, 1)]])(
    '%o is refused',
    async (grid) => {
      await expect(
        run(
          increment(() => grid),
          100,
        ),
      ).rejects.toThrow(/^increment: workgroups are .*, expected \[x, y, z\]$/);
    },
  );

  test('of nothing is legal where a tensor is empty', async () => {
    expect(
      await run(
        increment(({ N }) => [Math.ceil(N / 64), 1, 1]),
        0,
      ),
    ).toEqual(new Float32Array(0));
    using x = Tensor.create(device, 'x', 'f32', [0, 4]);
    using out = Tensor.create(device, 'out', 'f32', [0, 4]);
    using gamma = Tensor.create(device, 'gamma', 'f32', [4]);
    await layernorm.run(device, { x, gamma, beta: gamma, out }, { eps: 1e-5 });
  });
});
