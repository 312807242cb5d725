import type { Kernel } from '../gpu/kernel.ts';
import { allVariants, modelVariants, type NamedVariant } from '../gpu/kernel-variants.ts';
import { Tensor } from '../gpu/tensor.ts';
import { floatsOf, unwritten } from '../kernels/kernel-case.ts';
import { packWeight } from '../kernels/weights/pack-weight.ts';
import { storedValues, weightConditions } from '../kernels/weights/weight-tiles.ts';
import type { Activation } from '../models/config.ts';
import { activationBound, additionBound, sumBound } from '../reference/error-bounds.ts';
import { gelu, geluNew, matmulTransposed, relu } from '../reference/operators.ts';
import { MATMUL_BUCKETS, priorChoice } from '../tuning/matmul-tuning.ts';
import { type Expected, Judge, type KernelReport, type PlannedRun } from './judge.ts';
import { randomValues } from './random-values.ts';
import type { Subject } from './subject.ts';
import { runOnce } from './tensors.ts';
import { lastRange } from './vocabulary.ts';

/** A matmul of the model. */
interface Linear {
  readonly name: string;
  readonly K: number;
  readonly N: number;
  readonly activation?: Activation;
  /** Adds to what the output held. */
  readonly residual?: true;
  /** The LM head: a range of a wider output, without bias. */
  readonly head?: { readonly first: number; readonly O: number };
}

/** Rows [first, first + count) of all; the whole is not a multiple of any tile. */
const M = 9;
const BATCHES = [
  { first: 0, count: M },
  { first: 1, count: 1 },
  { first: 2, count: 2 },
  { first: 4, count: 3 },
] as const;

const ACTIVATIONS = {
  gelu_new: { condition: 'GELU_NEW', apply: geluNew },
  gelu: { condition: 'GELU', apply: gelu },
  relu: { condition: 'RELU', apply: relu },
} as const;

/** Weight columns whose reference is computed at a time, which bounds the memory of a large vocabulary. */
const CHUNK = 4096;

/** Every matmul of the model in batches of 1 to 9 rows; all variants in the first, the model's in all. */
export async function checkMatmul(subject: Subject): Promise<KernelReport> {
  const { hiddenSize: C, mlpSize: F, vocabSize: V, activation } = subject.config;
  const { first, size } = lastRange(subject);
  const linears: readonly Linear[] = [
    { name: 'qkv', K: C, N: 3 * C },
    { name: 'attention projection', K: C, N: C, residual: true },
    { name: 'MLP', K: C, N: F, activation },
    { name: 'MLP projection', K: F, N: C, residual: true },
    { name: 'LM head', K: C, N: size, head: { first, O: V } },
  ];
  const judge = new Judge(subject.kernels.matmul.name);
  for (const [i, linear] of linears.entries()) await checkLinear(subject, judge, linear, i);
  return judge.report();
}

async function checkLinear(subject: Subject, judge: Judge, linear: Linear, seed: number): Promise<void> {
  const { device, dtype } = subject;
  const { name, K, N, head = { first: 0, O: N } } = linear;
  const kernel: Kernel = subject.kernels.matmul;
  const x = randomValues(4 * seed, M * K);
  const w = storedValues(K, N, dtype, randomValues(4 * seed + 1, N * K, 1 / Math.sqrt(K)), 'nk');
  const bias = linear.head ? new Float32Array(N) : randomValues(4 * seed + 2, N);
  const before = linear.residual ? randomValues(4 * seed + 3, M * N) : null;
  using weight = packWeight(device, 'w', w, [K, N], { dtype, order: 'nk' });
  using biasTensor = Tensor.from(device, 'bias', bias);

  const runBatch = (variant: NamedVariant, { first, count }: (typeof BATCHES)[number]): PlannedRun => ({
    variant,
    what: `${name}, ${count} × ${K} · ${K} × ${N}`,
    start: first * N,
    run: async () => {
      const held = before && { data: before.slice(first * N, (first + count) * N), shape: [count, N] };
      const tensors = {
        x: { data: x.slice(first * K, (first + count) * K), shape: [count, K] },
        w: weight,
        bias: biasTensor,
        out: held ?? unwritten(count, head.O),
      };
      const scalars = { first: head.first };
      const words = await runOnce(device, { kernel, tensors, scalars, choice: variant.choice, output: 'out' });
      return columns(words, head.O, head.first, N);
    },
  });
  const runs = variantsOf(subject, linear).flatMap((variant) =>
    (variant.isBase || variant.usedByModel ? BATCHES : BATCHES.slice(0, 1)).map((batch) => runBatch(variant, batch)),
  );
  await judge.check(runs, expect(linear, { x, w, bias, before }));
}

function variantsOf({ device, dtype, kernels }: Subject, { name, K, activation, residual }: Linear): NamedVariant[] {
  const conditions = {
    ...weightConditions(dtype),
    X_VEC4: K % 4 === 0,
    ...(activation && { [ACTIVATIONS[activation].condition]: true }),
    ...(residual && { RESIDUAL: true }),
  };
  const model = MATMUL_BUCKETS.map((M) => priorChoice(device.traits, M));
  const list = name === 'qkv' ? allVariants : modelVariants;
  return list(kernels.matmul, device.traits, { conditions }, model);
}

interface LinearData {
  readonly x: Float32Array;
  /** [N, K] */
  readonly w: Float32Array;
  readonly bias: Float32Array;
  readonly before: Float32Array | null;
}

/** f(x · wᵀ + bias) (+ before) in float64 and its bound, [M, N]. */
function expect({ K, N, activation }: Linear, { x, w, bias, before }: LinearData): Expected {
  const [want, tolerance] = [new Float64Array(M * N), new Float64Array(M * N)];
  const x64 = new Float64Array(x);
  const magnitudes = x64.map(Math.abs);
  for (let first = 0; first < N; first += CHUNK) {
    const size = Math.min(CHUNK, N - first);
    const shape = { M, K, N: size };
    const w64 = new Float64Array(w.subarray(first * K, (first + size) * K));
    const sums = matmulTransposed(x64, w64, shape);
    const sizes = matmulTransposed(magnitudes, w64.map(Math.abs), shape);
    for (let i = 0; i < M * size; i++) {
      const n = first + (i % size);
      const at = Math.floor(i / size) * N + n;
      want[at] = sums[i]! + bias[n]!;
      tolerance[at] = sumBound(sizes[i]! + Math.abs(bias[n]!), K);
    }
  }
  if (activation) {
    const sums = want.slice();
    want.set(ACTIVATIONS[activation].apply(sums));
    sums.forEach((sum, i) => {
      tolerance[i] = activationBound(activation, sum, tolerance[i]!, want[i]!);
    });
  }
  before?.forEach((value, i) => {
    want[i]! += value;
    tolerance[i] = additionBound(tolerance[i]!, want[i]!);
  });
  return { want, tolerance, toNumbers: floatsOf };
}

/** Columns [first, first + N) of rows of O words. */
function columns(words: Uint32Array, O: number, first: number, N: number): Uint32Array {
  if (O === N) return words;
  const rows = words.length / O;
  const out = new Uint32Array(rows * N);
  for (let m = 0; m < rows; m++) out.set(words.subarray(m * O + first, m * O + first + N), m * N);
  return out;
}
