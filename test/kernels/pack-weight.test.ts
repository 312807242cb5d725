// Packed weights at the public API: a weight says how matmul reads it, against exact integer sums; contradictions are
// refused.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { KernelError } from '../../src/gpu/errors.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { matmulNaive } from '../../src/kernels/matmul/matmul-naive.ts';
import { packWeight } from '../../src/kernels/weights/pack-weight.ts';
import { PackedWeight } from '../../src/kernels/weights/packed-weight.ts';
import { time } from '../../src/timing/time.ts';

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
  { what: 'numbers', given: matrix, options: {}, dtype: 'f32' },
  { what: 'f32', given: Float32Array.from(matrix), options: {}, dtype: 'f32' },
  { what: 'f64, which becomes f32', given: Float64Array.from(matrix), options: {}, dtype: 'f32' },
  { what: 'f16, which stays f16', given: Float16Array.from(matrix), options: {}, dtype: 'f16' },
  { what: 'f32 stored as f16', given: Float32Array.from(matrix), options: { dtype: 'f16' }, dtype: 'f16' },
  { what: 'the transpose', given: transposed, options: { order: 'nk' }, dtype: 'f32' },
] as const)('a weight packed from $what tells matmul how to read it', async ({ given, options, dtype }) => {
  using x = Tensor.from(device, 'x', rows, [M, K]);
  using w = packWeight(device, 'w', given, [K, N], options);
  expect({ K: w.K, N: w.N, dtype: w.dtype }).toEqual({ K, N, dtype });
  using bias = Tensor.create(device, 'bias', 'f32', [N]);
  using out = Tensor.create(device, 'out', 'f32', [M, N]);
  await matmul.run(device, { x, w, bias, out }, {});
  expect(await out.read()).toEqual(want);
  const { label } = await time(device, matmul, { x, w, bias, out }, {}, { runs: 1, warmUps: 0 });
  expect(label.includes('W_F16')).toBe(dtype === 'f16');
});

describe('packWeight refuses', () => {
  const refusal = (...[given, sizes, options]: unknown[]) => {
    try {
      Reflect.apply(packWeight, null, [device, 'w', given, sizes, options]);
    } catch (error) {
      return error instanceof Error ? error.message : error;
    }
    return 'no error';
  };

  test.each([
    { given: [1, 2, 3], sizes: [2, 2], message: 'w: 3 elements, expected 4 for K = 2, N = 2' },
    { given: [], sizes: [0, 2], message: 'w: K is 0, expected an integer ≥ 1' },
    { given: [1, 2, 3], sizes: [1.5, 2], message: 'w: K is 1.5, expected an integer ≥ 1' },
    { given: Int8Array.of(1), sizes: [1, 1], message: /w: matrix is .*Int8Array, expected a Float32Array/ },
    { given: [[1, 2]], sizes: [1, 1], message: 'w: element 0 is [1, 2], expected a number' },
    { given: ['1'], sizes: [1, 1], message: 'w: element 0 is "1", expected a number' },
    { given: Array(2), sizes: [1, 2], message: 'w: element 0 is undefined, expected a number' },
    { given: [1, 1e39], sizes: [1, 2], message: 'w: element 1 is 1e+39, beyond f32' },
    { given: Float64Array.of(-1e39), sizes: [1, 1], message: 'w: element 0 is -1e+39, beyond f32' },
    { given: [65519, -65520], sizes: [1, 2], options: { dtype: 'f16' }, message: 'w: element 1 is -65520, beyond f16' },
    { given: [1], sizes: undefined, message: 'w: shape is undefined, expected [K, N]' },
    { given: [1], sizes: [1, 1, 1], message: 'w: shape is [1, 1, 1], expected [K, N]' },
    { given: undefined, sizes: [1, 1], message: /w: matrix is undefined, expected a Float32Array/ },
    {
      given: [1],
      sizes: [1, 1],
      options: { dtype: 'q5' },
      message: 'w: dtype is "q5", expected one of f32, f16, q8, q8_32, q4',
    },
    { given: [1], sizes: [1, 1], options: { order: 'kk' }, message: 'w: order is "kk", expected one of kn, nk' },
    {
      given: [1],
      sizes: [1, 1],
      options: { dType: 'q8' },
      message: 'key of options of packWeight is "dType", expected one of dtype, order (did you mean "dtype"?)',
    },
  ])('$given of $sizes with $options', ({ given, sizes, options, message }) => {
    expect(refusal(given, sizes, options)).toEqual(
      message instanceof RegExp ? expect.stringMatching(message) : message,
    );
  });
});

describe('a kernel refuses', () => {
  /** Message of a call that TypeScript may not let pass. */
  const refusal = async (kernel: Kernel, tensors: Record<string, Tensor | PackedWeight>, choice = {}) => {
    using x = Tensor.from(device, 'x', [1, 2, 3, 4, 5, 6, 7, 8], [2, 4]);
    using bias = Tensor.create(device, 'bias', 'f32', [4]);
    using out = Tensor.create(device, 'out', 'f32', [2, 4]);
    const error = await kernel.run(device, { x, bias, out, ...tensors }, {}, choice).catch((e) => e);
    expect(error).toBeInstanceOf(KernelError);
    return error.message;
  };

  test('a weight of another K or N, even where padding makes the words alike', async () => {
    using short = packWeight(device, 'w', Array(3 * 4).fill(1), [3, 4]);
    expect(await refusal(matmul, { w: short })).toBe('matmul: w is [3, 4], expected [K, N] with K = 4, N = 4');
    using narrow = packWeight(device, 'w', Array(4 * 3).fill(1), [4, 3]);
    expect(await refusal(matmul, { w: narrow })).toBe('matmul: bias is [4], expected [N] with N = 3');
  });

  test('a choice that contradicts the storage type', async () => {
    using f32 = packWeight(device, 'w', Array(16).fill(1), [4, 4]);
    using q8 = packWeight(device, 'w', Array(16).fill(1), [4, 4], { dtype: 'q8' });
    expect(await refusal(matmul, { w: f32 }, { conditions: { W_Q8: true } })).toBe(
      'matmul: W_Q8 is chosen as true, but w is f32',
    );
    expect(await refusal(matmul, { w: q8 }, { conditions: { W_Q8: false } })).toBe(
      'matmul: W_Q8 is chosen as false, but w is q8',
    );
  });

  test('a tensor in the place of a weight, and a weight in that of a tensor', async () => {
    using words = Tensor.create(device, 'w', 'u32', [1, 8, 32]);
    expect(await refusal(matmul, { w: words })).toBe('matmul: w is no packed matrix; packWeight makes one');
    using w = packWeight(device, 'w', Array(16).fill(1), [4, 4]);
    expect(await refusal(matmulNaive, { w })).toBe('matmul_naive: w is a packed matrix, expected a Tensor');
    expect(await refusal(matmul, { x: w, w })).toBe('matmul: x is a packed matrix, expected a Tensor');
  });

  test('a choice of two activations', () => {
    const variant = () => matmul.variant(device.traits, { conditions: { GELU: true, RELU: true } });
    expect(variant).toThrow('matmul: GELU and RELU are true, expected one of them');
    expect(() => matmul.variant(device.traits, { conditions: { GELU: true, RESIDUAL: true } })).not.toThrow();
  });

  test('a choice that is no object', () => {
    using w = packWeight(device, 'w', Array(16).fill(1), [4, 4]);
    for (const choice of [null, new Map(), { conditions: null }, { conditions: new Map([['GELU', true]]) }]) {
      const variant = () => matmul.variant(device.traits, Reflect.apply(matmul.choiceFor, matmul, [{ w }, choice]));
      expect(variant).toThrow(/^(choice of matmul is|matmul: conditions are) .*, expected an object$/);
    }
  });

  test('a weight that was closed', async () => {
    const w = packWeight(device, 'w', Array(16).fill(1), [4, 4]);
    w.close();
    w.close();
    expect(await refusal(matmul, { w })).toBe('matmul: w was closed or is on another device');
  });
});

describe('the columns of a weight', () => {
  test('may be written tile by tile, the last ones torn', async () => {
    using x = Tensor.from(device, 'x', rows, [M, K]);
    using bias = Tensor.create(device, 'bias', 'f32', [N]);
    using out = Tensor.create(device, 'out', 'f32', [M, N]);
    using w = PackedWeight.create(device, 'w', [K, N], 'f32');
    w.writeColumns(32, 1, Float32Array.from(transposed.slice(32 * K)), 'nk');
    w.writeColumns(0, 32, Float32Array.from(transposed.slice(0, 32 * K)), 'nk');
    await matmul.run(device, { x, w, bias, out }, {});
    expect(await out.read()).toEqual(want);
  });

  test.each([
    { first: 1, count: 32 },
    { first: 0, count: 31 },
    { first: 32, count: 32 },
    { first: -32, count: 32 },
    { first: 0, count: 0 },
    { first: Number.NaN, count: 32 },
  ])('from $first, $count of them, are refused', ({ first, count }) => {
    using w = PackedWeight.create(device, 'w', [K, N], 'f32');
    expect(() => w.writeColumns(first, count, new Float32Array(K * Math.max(count, 0)))).toThrow(
      `w: columns [${first}, ${first + count}), expected whole tiles of 32 of its 33`,
    );
  });

  test('over words of another shape are refused', () => {
    using words = Tensor.create(device, 'w', 'u32', [1, 8, 32]);
    expect(() => PackedWeight.over(words, [9, 32], 'f32')).toThrow(
      'w: words are u32[1,8,32], expected u32[1,32,32] for K = 9, N = 32 in f32',
    );
  });
});
