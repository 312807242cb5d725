// Values that are not finite: they reach the logits, where the sampler flags the row; no kernel may make a number of
// them. Expectations are those of IEEE 754, which PyTorch follows, too.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { attention } from '../../src/kernels/attention/attention.ts';
import { attentionNaive } from '../../src/kernels/attention/attention-naive.ts';
import { embed } from '../../src/kernels/embed/embed.ts';
import { kvRowWords, kvWrite } from '../../src/kernels/kv-write/kv-write.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { packWeight } from '../../src/kernels/weights/pack-weight.ts';
import type { WeightDType } from '../../src/kernels/weights/weight-tiles.ts';

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

describe.each(BROKEN)('embed with %d', (value) => {
  const [V, C] = [3, 70];
  const [token, column] = [1, 66];

  test.each(['f32', 'f16', 'q8'] as const)('in a token row of %s breaks that token and no other', async (dtype) => {
    const rows = Float32Array.from({ length: V * C }, (_, i) => (i === token * C + column ? value : Math.cos(i)));
    const finite = await finiteRows(rows, new Float32Array(C), dtype);
    expect(finite[token]![column]).toBe(false);
    expect([...finite[0]!, ...finite[2]!]).not.toContain(false);
  });

  test('in a position row breaks its element of every token there', async () => {
    const position = Float32Array.from({ length: C }, (_, c) => (c === column ? value : 0));
    const finite = await finiteRows(new Float32Array(V * C).fill(1), position, 'f32');
    for (const row of finite) expect(row).toEqual(row.map((_, c) => c !== column));
  });

  /** Tells of each element of the embeddings of all tokens, at position 0, whether it is finite. */
  async function finiteRows(rows: Float32Array, position: Float32Array, dtype: WeightDType): Promise<boolean[][]> {
    using token_ids = Tensor.from(
      device,
      'ids',
      Int32Array.from({ length: V }, (_, id) => id),
    );
    using next_tokens = Tensor.create(device, 'next', 'i32', [1]);
    using positions = Tensor.create(device, 'positions', 'i32', [V]);
    using wte = packWeight(device, 'wte', rows, [C, V], { dtype, order: 'nk' });
    using wpe = Tensor.from(device, 'wpe', position, [1, C]);
    using out = Tensor.create(device, 'out', 'f32', [V, C]);
    await embed.run(device, { token_ids, next_tokens, positions, wte, wpe, out }, {});
    const finite = Array.from(await out.readF32(), Number.isFinite);
    return Array.from({ length: V }, (_, id) => finite.slice(id * C, (id + 1) * C));
  }
});

test('a key or value beyond f16 is infinite in a cache of f16, never a number', async () => {
  // From 65520 on the nearest f16 would be 65536, which f16 can't hold.
  const values = [65504, 65520, 70000, 1e30, -65520, -3e38, Number.POSITIVE_INFINITY, Number.NaN];
  const D = values.length;
  using qkv = Tensor.from(device, 'qkv', Float32Array.from([...values, ...values, ...values]), [1, 3 * D]);
  using slot_mapping = Tensor.create(device, 'slots', 'i32', [1]);
  using kv = Tensor.create(device, 'kv', 'u32', [1, 2, 1, 1, kvRowWords(D, 'f16')]);
  await kvWrite.run(device, { qkv, slot_mapping, kv }, { D }, { conditions: { KV_F16: true } });
  const inf = Number.POSITIVE_INFINITY;
  const row = [65504, inf, inf, inf, -inf, -inf, inf, Number.NaN];
  expect([...new Float16Array((await kv.read()).buffer)]).toEqual([...row, ...row]);
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
    await matmul.run(device, { x, w: weight, bias, out }, {});
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
    await attentionNaive.run(device, { qkv, out: naive }, { G: H, D, scale });
    using positions = Tensor.from(device, 'positions', Int32Array.of(0, 1, 2, 3));
    using kv = Tensor.create(device, 'kv', 'u32', [1, 2, H, T, kvRowWords(D, 'f32')]);
    await kvWrite.run(device, { qkv, slot_mapping: positions, kv }, { D });
    using query_tiles = Tensor.from(device, 'tiles', Int32Array.of(0, T), [1, 2]);
    using sequence_index = Tensor.create(device, 'sequences', 'i32', [T]);
    using block_tables = Tensor.create(device, 'blocks', 'i32', [1, 1]);
    using out = Tensor.create(device, 'out', 'f32', [T, D]);
    const tensors = { qkv, kv, positions, query_tiles, sequence_index, block_tables, out };
    const scalars = { count: 1, tileTokens: T, scale };
    await attention.run(device, tensors, scalars, { constants: { D, ROWS: 4, LANES: 8 } });
    const want = isWhole(values);
    expect(want).toContain(false);
    expect(Array.from(await naive.readF32(), Number.isFinite)).toEqual(want);
    expect(Array.from(await out.readF32(), Number.isFinite)).toEqual(want);
  });
});
