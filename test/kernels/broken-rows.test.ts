// What is not finite must reach the logits, where the sampler flags the row: no kernel may make a number of it. Expectations
// are IEEE 754's, which PyTorch follows, too.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { attention } from '../../src/kernels/attention.ts';
import { attentionNaive } from '../../src/kernels/attention-naive.ts';
import { kvRowWords, kvWrite } from '../../src/kernels/kv-write.ts';
import { layernorm } from '../../src/kernels/layernorm.ts';
import { matmul } from '../../src/kernels/matmul.ts';
import { packWeight } from '../../src/kernels/pack-weight.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

const NEGATIVE_NAN = new Float32Array(Uint32Array.of(0xffc00000).buffer)[0]!;
const BROKEN = [Number.NaN, NEGATIVE_NAN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

test.each(BROKEN)('layer norm of a row with %d is NaN throughout, and its neighbours are not', async (value) => {
  const C = 40;
  const rows = Float32Array.from({ length: 3 * C }, (_, i) => (i === C + 7 ? value : Math.sin(i)));
  using x = Tensor.from(device, 'x', rows, [3, C]);
  using gamma = Tensor.from(device, 'gamma', new Float32Array(C).fill(1));
  using beta = Tensor.create(device, 'beta', 'f32', [C]);
  using out = Tensor.create(device, 'out', 'f32', [3, C]);
  await layernorm.run(device, { x, gamma, beta, out }, { eps: 1e-5 });
  const got = await out.readF32();
  expect(got.subarray(C, 2 * C).every(Number.isNaN)).toBe(true);
  expect([...got.subarray(0, C), ...got.subarray(2 * C)].every(Number.isFinite)).toBe(true);
});

describe.each(BROKEN)('matmul with %d', (value) => {
  test.each(['f32', 'f16', 'q8'] as const)('in a weight of %s breaks that column and no other', async (dtype) => {
    const [M, K, N] = [2, 70, 5];
    // In q8 the group of 64 loses its scale.
    const w = Float32Array.from({ length: K * N }, (_, i) => (i === 3 * N + 2 ? value : Math.cos(i)));
    using x = Tensor.from(device, 'x', new Float32Array(M * K).fill(1), [M, K]);
    using weight = packWeight(device, 'w', w, [K, N], { dtype });
    using bias = Tensor.create(device, 'bias', 'f32', [N]);
    using out = Tensor.create(device, 'out', 'f32', [M, N]);
    await matmul.run(device, { x, w: weight, bias, out }, { first: 0 });
    const finite = Array.from(await out.readF32(), Number.isFinite);
    expect(finite).toEqual(finite.map((_, i) => i % N !== 2));
  });
});

describe.each(BROKEN)('attention with %d', (value) => {
  const [T, H, D] = [4, 1, 8];
  const scale = 1 / Math.sqrt(D);

  /** q, k and v of T tokens, with the value in one of them. */
  function qkvWith(part: number): Float32Array {
    const qkv = Float32Array.from({ length: T * 3 * D }, (_, i) => Math.sin(i + 1));
    qkv[1 * 3 * D + part * D + 2] = value;
    return qkv;
  }

  /** The same in float64, for which JavaScript follows IEEE 754. */
  function isWhole(qkv: Float32Array): boolean[] {
    return Array.from({ length: T * D }, (_, i) => {
      const [t, d] = [Math.floor(i / D), i % D];
      const at = (token: number, which: number, c: number) => qkv[(token * 3 + which) * D + c]!;
      const keys = Array.from({ length: t + 1 }, (_, j) => j);
      const scores = keys.map((j) => scale * sum(D, (c) => at(t, 0, c) * at(j, 1, c)));
      const most = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - most));
      return Number.isFinite(sum(t + 1, (j) => weights[j]! * at(j, 2, d)) / sum(t + 1, (j) => weights[j]!));
    });
  }

  function sum(length: number, of: (i: number) => number): number {
    let total = 0;
    for (let i = 0; i < length; i++) total += of(i);
    return total;
  }

  test.each([
    ['q', 0],
    ['k', 1],
    ['v', 2],
  ] as const)('in %s breaks what IEEE 754 breaks', async (_, part) => {
    const values = qkvWith(part);
    using qkv = Tensor.from(device, 'qkv', values, [T, 3 * D]);
    using naive = Tensor.create(device, 'naive', 'f32', [T, D]);
    await attentionNaive.run(device, { qkv, out: naive }, { H, D, scale });
    using positions = Tensor.from(device, 'positions', Int32Array.of(0, 1, 2, 3));
    using kv = Tensor.create(device, 'kv', 'u32', [1, 2, H, T, kvRowWords(D, 'f32')]);
    await kvWrite.run(device, { qkv, slot_mapping: positions, kv }, { D });
    using query_tiles = Tensor.from(device, 'tiles', Int32Array.of(0, T), [1, 2]);
    using sequence_index = Tensor.create(device, 'sequences', 'i32', [T]);
    using block_tables = Tensor.create(device, 'blocks', 'i32', [1, 1]);
    using out = Tensor.create(device, 'out', 'f32', [T, D]);
    const tensors = { qkv, kv, positions, query_tiles, sequence_index, block_tables, out };
    const scalars = { first: 0, count: 1, scale, Z: 1 };
    await attention.run(device, tensors, scalars, { constants: { D, ROWS: 4, LANES: 8 } });
    const want = isWhole(values);
    expect(want).toContain(false);
    expect(Array.from(await naive.readF32(), Number.isFinite)).toEqual(want);
    expect(Array.from(await out.readF32(), Number.isFinite)).toEqual(want);
  });
});
