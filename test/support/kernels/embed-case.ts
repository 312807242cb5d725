import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { embed } from '../../../src/kernels/embed/embed.ts';
import { hostTensor, unwritten } from '../../../src/kernels/kernel-case.ts';
import type { WeightDType } from '../../../src/kernels/weights/weight-tiles.ts';
import { normals } from '../../../src/util/random-values.ts';
import { expectSameBits } from './expect-within.ts';
import { packed } from './guarded-tensor.ts';
import { runKernel } from './run-kernel.ts';
import { storedWeight } from './stored-weight.ts';

/** V of the model. */
export const V = 331;
const POSITIONS = 40;
const NEXT_TOKENS = [330, 0, 96, 95];
/** Ids at the ends of the vocabulary and of its ranges and tiles; −1 − i stands for next token i. */
const TOKEN_IDS = [0, 31, 32, 95, 96, 191, 192, 330, -1, -2, -3, -4, 96];
const IDS = TOKEN_IDS.map((id) => (id < 0 ? NEXT_TOKENS[-1 - id]! : id));
const T = IDS.length;
const positions = IDS.map((_, t) => (t * 17) % POSITIONS);

export interface EmbedCase {
  readonly C: number;
  readonly dtype: WeightDType;
  /** The range of the vocabulary that is bound: ids [first, first + N). */
  readonly first: number;
  readonly N: number;
}

/** Expects token plus position row of every token in the range, and nothing in the rows of others. */
export async function checkEmbed(
  device: Device,
  { C, dtype, first, N }: EmbedCase,
  kernel: Kernel<typeof embed.spec> = embed,
): Promise<void> {
  const exact = normals(C, V * C);
  const wte = storedWeight(dtype, exact, { rows: V, columns: C, along: 'rows' });
  const wpe = normals(C + 1, POSITIONS * C);
  const operands = {
    token_ids: hostTensor(Int32Array.from(TOKEN_IDS), T),
    next_tokens: hostTensor(Int32Array.from(NEXT_TOKENS), NEXT_TOKENS.length),
    positions: hostTensor(Int32Array.from(positions), T),
    wte: packed({ K: C, N, dtype }, wte.subarray(first * C, (first + N) * C), 'nk'),
    wpe: hostTensor(wpe, POSITIONS, C),
    out: unwritten(T, C),
  };
  const got = await runKernel(device, kernel, operands, { first });
  // One addition, which f32 rounds in one way only.
  const want = Float32Array.from({ length: T * C }, (_, i) => {
    const [t, c] = [Math.floor(i / C), i % C];
    const id = IDS[t]!;
    return id >= first && id < first + N ? wte[id * C + c]! + wpe[positions[t]! * C + c]! : Number.NaN;
  });
  expectSameBits(got, new Uint32Array(want.buffer), `C ${C}, ${dtype}, ids ${first} to ${first + N}`);
}
