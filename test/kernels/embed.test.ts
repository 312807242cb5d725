import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { embed } from '../../src/kernels/embed.ts';
import { packTiles, tiledShape, type WeightDType } from '../../src/kernels/weight-tiles.ts';
import { expectSameBits } from '../support/expect-within.ts';
import { nans, operand } from '../support/guarded-tensor.ts';
import { type Changes, mutant } from '../support/mutant.ts';
import { normals } from '../support/random-data.ts';
import { runKernel } from '../support/run-kernel.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** V and positions of the model. */
const [V, POSITIONS] = [331, 40];
const NEXT_TOKENS = [330, 0, 96, 95];
/** Ids at the ends of the vocabulary and of its ranges and tiles; −1 − i stands for next token i. */
const TOKEN_IDS = [0, 31, 32, 95, 96, 191, 192, 330, -1, -2, -3, -4, 96];
const IDS = TOKEN_IDS.map((id) => (id < 0 ? NEXT_TOKENS[-1 - id]! : id));
const T = IDS.length;
const positions = IDS.map((_, t) => (t * 17) % POSITIONS);

interface Case {
  readonly C: number;
  readonly dtype: WeightDType;
  /** The range of the vocabulary that is bound: ids [first, first + N). */
  readonly first: number;
  readonly N: number;
}

async function check({ C, dtype, first, N }: Case, kernel = embed): Promise<void> {
  const exact = normals(C, V * C);
  const wte = dtype === 'f16' ? Float32Array.from(Float16Array.from(exact)) : exact;
  const wpe = normals(C + 1, POSITIONS * C);
  const range = packTiles(C, N, dtype, wte.subarray(first * C, (first + N) * C), 'nk');
  const operands = {
    token_ids: operand(Int32Array.from(TOKEN_IDS), T),
    next_tokens: operand(Int32Array.from(NEXT_TOKENS), NEXT_TOKENS.length),
    positions: operand(Int32Array.from(positions), T),
    wte: operand(range, ...tiledShape(C, N, dtype)),
    wpe: operand(wpe, POSITIONS, C),
    out: nans(T, C),
  };
  const choice = { conditions: { W_F16: dtype === 'f16' } };
  const got = await runKernel(device, kernel, operands, { N, first }, choice);
  // One addition, which f32 rounds in one way only.
  const want = Float32Array.from({ length: T * C }, (_, i) => {
    const [t, c] = [Math.floor(i / C), i % C];
    const id = IDS[t]!;
    return id >= first && id < first + N ? wte[id * C + c]! + wpe[positions[t]! * C + c]! : Number.NaN;
  });
  expectSameBits(got, new Uint32Array(want.buffer), `C ${C}, ${dtype}, ids ${first} to ${first + N}`);
}

describe.each<WeightDType>(['f32', 'f16'])('embed from weights of %s', (dtype) => {
  test.each([1, 2, 7, 63, 64, 65, 131, 768])('adds token and position rows of %i', (C) =>
    check({ C, dtype, first: 0, N: V }),
  );

  test.each([
    { first: 0, N: 96 },
    { first: 96, N: 96 },
    { first: 192, N: V - 192 },
    { first: 95, N: 1 },
  ])('with ids [$first, $first + $N) bound writes the rows of those tokens and no others', (range) =>
    check({ C: 60, dtype, ...range }),
  );
});

test('embed refuses a wte of another type', async () => {
  const operands = {
    token_ids: operand(Int32Array.of(0), 1),
    next_tokens: operand(Int32Array.of(0), 1),
    positions: operand(Int32Array.of(0), 1),
    wte: operand(packTiles(60, 2, 'f32', new Float32Array(120), 'nk'), ...tiledShape(60, 2, 'f32')),
    wpe: operand(new Float32Array(60), 1, 60),
    out: nans(1, 60),
  };
  const run = runKernel(device, embed, operands, { N: 2, first: 0 }, { conditions: { W_F16: true } });
  await expect(run).rejects.toThrow('embed: wte has 64 rows of words a tile, expected 32 for C = 60');
});

describe('the checks above find', () => {
  test.each<{ fault: string; changes: Changes }>([
    { fault: 'an id at the end of a range that is missed', changes: [['n >= params.N', 'n + 1u >= params.N']] },
    { fault: 'ids taken from the wrong slot', changes: [['next_tokens[-1 - id]', 'next_tokens[-id]']] },
    { fault: 'a missing position', changes: [[' + wpe[u32(positions[t]) * params.C + c]', '']] },
  ])('$fault', async ({ changes }) => {
    await expect(check({ C: 60, dtype: 'f32', first: 0, N: 96 }, mutant(embed, changes))).rejects.toThrow(
      'words differ',
    );
  });
});
