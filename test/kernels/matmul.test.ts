import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { matmul } from '../../src/kernels/matmul.ts';
import { matmulNaive } from '../../src/kernels/matmul-naive.ts';
import type { WeightDType } from '../../src/kernels/weight-tiles.ts';
import * as reference from '../../src/reference/operators.ts';
import { expectSameBits, expectWithin } from '../support/expect-within.ts';
import { nans, operand } from '../support/guarded-tensor.ts';
import {
  type MatmulInputs,
  type MatmulKernel,
  type MatmulShape,
  matmulConditions,
  matmulInputs,
  matmulOperands,
} from '../support/matmul-case.ts';
import { type Changes, mutant } from '../support/mutant.ts';
import { normals } from '../support/random-data.ts';
import { readSafetensors } from '../support/read-safetensors.ts';
import { floatsOf, runKernel } from '../support/run-kernel.ts';

const U = 2 ** -24;
/** Below the smallest normal f32, where an adapter may flush to zero. */
const TINY = 2 ** -126;
const DTYPES: readonly WeightDType[] = ['f32', 'f16'];

const fixtures = readSafetensors('test/fixtures/ops.safetensors');
const fixture = (name: string) => Float32Array.from(fixtures.get(name)!);

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

interface Expected {
  readonly sums: Float64Array;
  readonly tolerance: Float64Array;
}

/**
 * The sums in float64. In f32 each of K products and K + 1 additions (the bias is the last) rounds by u = 2^-24 of a value
 * that is at most A = Σ|x w| + |bias|: the error is below (K + 2) u A, whether or not fma is fused.
 */
function expectedSums({ M, K, N, x, w, bias }: MatmulInputs): Expected {
  const [x64, w64, bias64] = [Float64Array.from(x), Float64Array.from(w), Float64Array.from(bias)];
  const sums = reference.matmul(x64, w64, bias64, { M, K, N });
  const magnitudes = reference.matmul(x64.map(Math.abs), w64.map(Math.abs), bias64.map(Math.abs), { M, K, N });
  return { sums, tolerance: magnitudes.map((magnitude) => (K + 2) * U * magnitude + TINY) };
}

async function check(shape: MatmulShape, dtype: WeightDType, kernel: MatmulKernel = matmul, ROWS = 1): Promise<void> {
  const inputs = matmulInputs(shape.M + shape.N, shape, dtype);
  const { sums, tolerance } = expectedSums(inputs);
  const choice = { conditions: matmulConditions(dtype), constants: { ROWS } };
  const got = await runKernel(device, kernel, matmulOperands(inputs), { first: 0 }, choice);
  expectWithin(floatsOf(got), sums, tolerance, `M ${shape.M}, K ${shape.K}, N ${shape.N}, ${dtype}`);
}

interface Activation {
  readonly condition: string;
  readonly fixture: string;
  readonly apply: (x: Float64Array) => Float64Array;
  /** The argument of the exp inside. */
  readonly exponent: (x: number) => number;
}

const ACTIVATIONS: readonly Activation[] = [
  {
    condition: 'GELU_NEW',
    fixture: 'gelu_new',
    apply: reference.geluNew,
    exponent: (x) => 2 * Math.sqrt(2 / Math.PI) * Math.abs(x + 0.044715 * x ** 3),
  },
  { condition: 'GELU', fixture: 'gelu', apply: reference.gelu, exponent: (x) => (x * x) / 2 + 2 },
  { condition: 'RELU', fixture: 'relu', apply: reference.relu, exponent: () => 0 },
];

/** Largest |exponent| that the shader does not clamp away: exp(-87) is the smallest normal f32. */
const MAX_EXPONENT = 88;

/**
 * Relative error of an activation itself: WGSL's exp errs by 3 + 2 |e| units in the last place (of 2 u), its argument by
 * about six roundings, division by 2.5 units, and the rational erfc of GELU by 1.2e-7. Where exp(-|e|) leaves the range of
 * f32 the result is 0, and x exp(-87) with |x| < 14 is below 3e-37.
 */
function activationTolerance({ apply, exponent }: Activation, { sums, tolerance }: Expected): Float64Array {
  // No activation is steeper than 1.13.
  return apply(sums).map((out, i) => {
    const relative = (16 + 10 * Math.min(exponent(sums[i]!), MAX_EXPONENT)) * U + 1.2e-7;
    return 1.13 * tolerance[i]! + relative * Math.abs(out) + 3e-37;
  });
}

describe('matmul agrees with float64', () => {
  const shapes: readonly MatmulShape[] = [
    ...[1, 2, 7, 8, 9, 60, 100, 257].map((K) => ({ M: 3, K, N: 33 })),
    ...[1, 31, 32, 33, 331].map((N) => ({ M: 2, K: 9, N })),
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 17].map((M) => ({ M, K: 60, N: 40 })),
    { M: 2, K: 768, N: 2304 },
    { M: 1, K: 3072, N: 768 },
  ];
  test.each(shapes.flatMap((shape) => DTYPES.map((dtype) => ({ ...shape, dtype }))))(
    'M $M, K $K, N $N, weights of $dtype',
    ({ dtype, ...shape }) => check(shape, dtype),
  );

  test('on the values from torch', async () => {
    const [M, K, N] = [5, 300, 77];
    const [x, w, bias] = [fixture('matmul.x'), fixture('matmul.w'), fixture('matmul.b')];
    const inputs: MatmulInputs = { M, K, N, x, w, bias, dtype: 'f32' };
    const got = floatsOf(await runKernel(device, matmul, matmulOperands(inputs), { first: 0 }));
    expectWithin(got, fixture('matmul.out'), expectedSums(inputs).tolerance, 'fixture');
  });
});

async function checkActivation(
  activation: Activation,
  dtype: WeightDType,
  kernel: MatmulKernel = matmul,
): Promise<void> {
  const inputs = matmulInputs(7, { M: 9, K: 60, N: 331 }, dtype);
  const expected = expectedSums(inputs);
  const choice = { conditions: matmulConditions(dtype, activation.condition) };
  const got = floatsOf(await runKernel(device, kernel, matmulOperands(inputs), { first: 0 }, choice));
  expectWithin(got, activation.apply(expected.sums), activationTolerance(activation, expected), activation.condition);
}

describe.each(ACTIVATIONS)('with $condition', (activation) => {
  const { condition, apply } = activation;

  test.each(DTYPES)('matmul on weights of %s applies it to sum and bias', (dtype) =>
    checkActivation(activation, dtype),
  );

  test('every finite argument gives a finite result, that of torch', async () => {
    const x = fixture('gelu.x');
    const inputs: MatmulInputs = {
      M: x.length,
      K: 1,
      N: 1,
      x,
      w: Float32Array.of(1),
      bias: new Float32Array(1),
      dtype: 'f32',
    };
    const choice = { conditions: matmulConditions('f32', condition) };
    const got = floatsOf(await runKernel(device, matmul, matmulOperands(inputs), { first: 0 }, choice));
    // The sums are exact: x · 1 + 0.
    const exact = { sums: Float64Array.from(x), tolerance: new Float64Array(x.length) };
    const tolerance = activationTolerance(activation, exact);
    expectWithin(got, apply(exact.sums), tolerance, condition);
    // torch's 1 + erf and 1 + tanh cancel in the negative tail, where |x| < 12.
    const torchTolerance = tolerance.map((value) => value + 12 * 2 ** -53);
    expectWithin(got, fixture(`gelu.${activation.fixture}`), torchTolerance, `torch's ${condition}`);
  });
});

describe('matmul writes columns [first, first + N) of a wider output', () => {
  const [N, O, first] = [33, 100, 40];
  const inputs = matmulInputs(3, { M: 5, K: 60, N }, 'f32');

  test('and leaves the others alone', async () => {
    const { sums, tolerance } = expectedSums(inputs);
    const out = floatsOf(await runKernel(device, matmul, matmulOperands(inputs, nans(5, O)), { first }));
    const isInside = (i: number) => i % O >= first && i % O < first + N;
    expectWithin(
      out.filter((_, i) => isInside(i)),
      sums,
      tolerance,
      'inside',
    );
    expect(out.filter((_, i) => !isInside(i)).every(Number.isNaN)).toBe(true);
  });

  test('and with RESIDUAL adds to what they hold', async () => {
    const { sums, tolerance } = expectedSums(inputs);
    const before = normals(4, 5 * O);
    const choice = { conditions: matmulConditions('f32', 'RESIDUAL') };
    const operands = matmulOperands(inputs, operand(before, 5, O));
    const out = floatsOf(await runKernel(device, matmul, operands, { first }, choice));
    const added = before.map((value, i) => {
      const n = (i % O) - first;
      return n >= 0 && n < N ? value + sums[Math.floor(i / O) * N + n]! : value;
    });
    const limits = Float64Array.from(added, (value, i) => {
      const n = (i % O) - first;
      // One more rounding.
      return n >= 0 && n < N ? tolerance[Math.floor(i / O) * N + n]! + 2 * U * Math.abs(value) : 0;
    });
    expectWithin(out, added, limits, 'residual');
  });

  test('and refuses those beyond its end, and weights of another type', async () => {
    const run = (scalars: { first: number }, conditions: Record<string, boolean> = {}) =>
      runKernel(device, matmul, matmulOperands(inputs, nans(5, O)), scalars, { conditions });
    await expect(run({ first: 68 })).rejects.toThrow("matmul: columns [68, 101) are beyond out's 100");
    await expect(run({ first }, { W_F16: true })).rejects.toThrow(
      'w has 64 rows of words a tile, expected 32 for K = 60',
    );
  });
});

test('the naive matmul gives the same bits', async () => {
  for (const K of [1, 7, 60, 257]) {
    const inputs = matmulInputs(K, { M: 5, K, N: 67 }, 'f32');
    const { x, bias, out } = matmulOperands(inputs);
    const naive = await runKernel(device, matmulNaive, { x, w: operand(inputs.w, K, 67), bias, out }, {});
    const { sums, tolerance } = expectedSums(inputs);
    expectWithin(floatsOf(naive), sums, tolerance, `naive, K ${K}`);
    expectSameBits(await runKernel(device, matmul, matmulOperands(inputs), { first: 0 }), naive, `K ${K}`);
  }
});

describe('the checks above find', () => {
  test.each<{ fault: string; changes: Changes; message: RegExp }>([
    {
      fault: 'a last k that is left out',
      changes: [['k < params.K; k +=', 'k + 1u < params.K; k +=']],
      message: /element/,
    },
    { fault: 'a missing bias', changes: [['acc[r][j] + bias[n]', 'acc[r][j]']], message: /element/ },
    { fault: 'a write behind the last row', changes: [['row + r < params.M && ', '']], message: /out: word/ },
    { fault: 'a write behind the last column', changes: [[' && n < params.N', '']], message: /out: word/ },
  ])('$fault', async ({ changes, message }) => {
    await expect(check({ M: 3, K: 257, N: 33 }, 'f16', mutant(matmul, changes), 4)).rejects.toThrow(message);
  });

  test('one GELU in place of the other', async () => {
    const [geluNew, gelu] = ACTIVATIONS;
    const swapped = mutant(matmul, [
      ['value = gelu_new(value)', 'value = gelu(value)'],
      ['@if(GELU) value = gelu(value)', '@if(GELU) value = gelu_new(value)'],
    ]);
    await expect(checkActivation(geluNew!, 'f32', swapped)).rejects.toThrow('GELU_NEW: element');
    await expect(checkActivation(gelu!, 'f32', swapped)).rejects.toThrow('GELU: element');
  });
});
