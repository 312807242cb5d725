import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { matmul } from '../../src/kernels/matmul.ts';
import { packWeight } from '../../src/kernels/pack-weight.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterEach(() => expect(device.liveBuffers).toBe(0));
afterAll(() => device.close());

const [M, K, N] = [2, 3, 33];
/** Integers, so that every sum is exact: w[k, n] = 10 k + n. */
const matrix = Array.from({ length: K * N }, (_, i) => 10 * Math.floor(i / N) + (i % N));
const transposed = Array.from({ length: K * N }, (_, i) => 10 * (i % K) + Math.floor(i / K));
const rows = [1, 2, 3, -1, 0, 1];
const want = Float32Array.from({ length: M * N }, (_, i) => (i < N ? 80 + 6 * i : 20));

test.each([
  { what: 'numbers', given: matrix, options: {}, W_F16: false },
  { what: 'f32', given: Float32Array.from(matrix), options: {}, W_F16: false },
  { what: 'f16, which stays f16', given: Float16Array.from(matrix), options: {}, W_F16: true },
  { what: 'f32 stored as f16', given: Float32Array.from(matrix), options: { dtype: 'f16' }, W_F16: true },
  { what: 'the transpose', given: transposed, options: { order: 'nk' }, W_F16: false },
] as const)('a weight packed from $what is what matmul reads', async ({ given, options, W_F16 }) => {
  using x = Tensor.from(device, 'x', rows, [M, K]);
  using w = packWeight(device, 'w', given, [K, N], options);
  using bias = Tensor.create(device, 'bias', 'f32', [N]);
  using out = Tensor.create(device, 'out', 'f32', [M, N]);
  await matmul.run(device, { x, w, bias, out }, { first: 0 }, { conditions: { W_F16 } });
  expect(await out.read()).toEqual(want);
});

test('a weight of another size is refused, and one of another storage type by the kernel', async () => {
  expect(() => packWeight(device, 'w', [1, 2, 3], [2, 2])).toThrow('w: 3 elements, expected 4 for K = 2, N = 2');
  using x = Tensor.from(device, 'x', rows, [M, K]);
  using w = packWeight(device, 'w', matrix, [K, N], { dtype: 'f16' });
  using bias = Tensor.create(device, 'bias', 'f32', [N]);
  using out = Tensor.create(device, 'out', 'f32', [M, N]);
  await expect(matmul.run(device, { x, w, bias, out }, { first: 0 })).rejects.toThrow(
    'matmul: w has 4 rows of words a tile, expected 8 for K = 3',
  );
});
