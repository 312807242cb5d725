import { modelVariants } from '../gpu/kernel-variants.ts';
import { floatsOf, unwritten } from '../kernels/kernel-case.ts';
import { packWeight } from '../kernels/weights/pack-weight.ts';
import { storedValues, weightConditions } from '../kernels/weights/weight-tiles.ts';
import { type Expected, Judge, type KernelReport } from './judge.ts';
import { randomValues } from './random-values.ts';
import type { Subject } from './subject.ts';
import { runOnce } from './tensors.ts';
import { lastRange } from './vocabulary.ts';

/** An exact output of f32. */
function exactly(want: Float32Array): Expected {
  return { want, tolerance: null, toNumbers: floatsOf };
}

/** Token and position rows of ids at the ends of the vocabulary, of the bound range and of a tile, some from next_tokens. */
export async function checkEmbed(subject: Subject): Promise<KernelReport> {
  const { device, kernels, config, dtype } = subject;
  const { hiddenSize: C, vocabSize: V, numPositions } = config;
  const { first, size: N } = lastRange(subject);
  const wte = storedValues(C, N, dtype, randomValues(1, N * C), 'nk');
  const wpe = randomValues(2, numPositions * C);
  const ids = [first, V - 1, Math.min(first + 31, V - 1), Math.min(first + 32, V - 1), 0, first + (N >> 1)];
  // The last two come from the GPU: entry −1 − i stands for next token i.
  const nextTokens = [ids[5]!, ids[4]!];
  const tokenIds = [...ids.slice(0, 4), -2, -1];
  const T = ids.length;
  const positions = ids.map((_, t) => (t * (numPositions - 1)) / (T - 1)).map(Math.floor);
  const want = new Float32Array(T * C).fill(Number.NaN);
  for (const [t, id] of ids.entries()) {
    // Rows of other ranges are left alone. One addition, which f32 rounds in one way only.
    if (id < first) continue;
    for (let c = 0; c < C; c++) want[t * C + c] = wte[(id - first) * C + c]! + wpe[positions[t]! * C + c]!;
  }
  using weight = packWeight(device, 'wte', wte, [C, N], { dtype, order: 'nk' });
  const tensors = {
    token_ids: { data: Int32Array.from(tokenIds), shape: [T] },
    next_tokens: { data: Int32Array.from(nextTokens), shape: [nextTokens.length] },
    positions: { data: Int32Array.from(positions), shape: [T] },
    wte: weight,
    wpe: { data: wpe, shape: [numPositions, C] },
    out: unwritten(T, C),
  };
  const kernel = kernels.embed;
  const judge = new Judge(kernel.name);
  const runs = modelVariants(kernel, device.traits, { conditions: weightConditions(dtype) }).map((variant) => ({
    variant,
    what: `${T} tokens of ${C}`,
    run: () => runOnce(device, { kernel, tensors, scalars: { first }, choice: variant.choice, output: 'out' }),
  }));
  await judge.check(runs, exactly(want));
  return judge.report();
}

/** Rows in no order, the first, the last and one of them twice. */
export async function checkGatherRows({ device, kernels, config }: Subject): Promise<KernelReport> {
  const C = config.hiddenSize;
  const kernel = kernels.gatherRows;
  const x = randomValues(1, 9 * C);
  const rows = [4, 0, 8, 4, 1];
  const want = new Float32Array(rows.length * C);
  for (const [r, row] of rows.entries()) want.set(x.subarray(row * C, (row + 1) * C), r * C);
  const tensors = {
    x: { data: x, shape: [9, C] },
    rows: { data: Int32Array.from(rows), shape: [rows.length] },
    out: unwritten(rows.length, C),
  };
  const judge = new Judge(kernel.name);
  const runs = modelVariants(kernel, device.traits).map((variant) => ({
    variant,
    what: `${rows.length} of 9 rows of ${C}`,
    run: () => runOnce(device, { kernel, tensors, choice: variant.choice, output: 'out' }),
  }));
  await judge.check(runs, exactly(want));
  return judge.report();
}
