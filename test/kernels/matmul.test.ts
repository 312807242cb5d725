// The matmul against float64, torch and its naive form: shapes, storage, activations, columns of a wider output.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { floatsOf, unwritten } from '../../src/kernels/kernel-case.ts';
import { expectedMatmul } from '../../src/kernels/matmul/expected.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import {
  type MatmulInputs,
  type MatmulShape,
  matmulInputs,
  siluMulNaiveOperands,
} from '../../src/kernels/matmul/operands.ts';
import { siluMulNaive } from '../../src/kernels/matmul/silu-mul-naive.ts';
import { WEIGHT_DTYPES } from '../../src/kernels/weights/weight-tiles.ts';
import {
  ACTIVATIONS,
  checkActivation,
  checkActivationValues,
  checkBrokenValues,
} from '../support/kernels/activation-checks.ts';
import '../../src/testing/vitest.ts';
import {
  checkColumns,
  checkMatmul,
  checkMatmulNaive,
  checkResidual,
  checkSiluMul,
  runMatmul,
} from '../support/kernels/matmul-checks.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { runKernel } from '../support/kernels/run-kernel.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';

const fixtures = readSafetensors('test/fixtures/ops.safetensors');
const fixture = (name: string) => Float32Array.from(fixtures.get(name)!);

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe('matmul agrees with float64', () => {
  const shapes: readonly MatmulShape[] = [
    ...[1, 2, 7, 8, 9, 60, 64, 65, 100, 257].map((K) => ({ M: 3, K, N: 33 })),
    ...[1, 31, 32, 33, 331].map((N) => ({ M: 2, K: 9, N })),
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 17].map((M) => ({ M, K: 60, N: 40 })),
    { M: 2, K: 768, N: 2304 },
    { M: 1, K: 3072, N: 768 },
  ];
  test.each(shapes.flatMap((shape) => WEIGHT_DTYPES.map((dtype) => ({ ...shape, dtype }))))(
    'M $M, K $K, N $N, weights of $dtype',
    async ({ dtype, ...shape }) => {
      await checkMatmul(device, shape, dtype);
    },
  );

  test('on the values from torch', async () => {
    const [M, K, N] = [5, 300, 77];
    const [x, w, bias] = [fixture('matmul.x'), fixture('matmul.w'), fixture('matmul.b')];
    const inputs: MatmulInputs = { M, K, N, x, w, bias, dtype: 'f32' };
    const got = floatsOf(await runMatmul(device, inputs));
    expect(got).toBeWithin(fixture('matmul.out'), expectedMatmul(inputs).tolerance!, { label: 'fixture' });
  });
});

describe.each(ACTIVATIONS)('with $condition', (activation) => {
  test.each(WEIGHT_DTYPES)('matmul on weights of %s applies it to sum and bias', (dtype) =>
    checkActivation(device, activation, dtype),
  );

  test('values that are not finite stay so, as in torch', () => checkBrokenValues(device, activation));

  test('every finite argument gives a finite result', async () => {
    await checkActivationValues(device, activation, fixture('gelu.x'));
  });
});

test.each(ACTIVATIONS.filter(({ condition }) => condition !== 'SILU_MUL'))(
  '$condition gives what torch gives',
  async (activation) => {
    const { got, tolerance } = await checkActivationValues(device, activation, fixture('gelu.x'));
    // torch's 1 + erf and 1 + tanh cancel in the negative tail, where |x| < 12.
    const torchTolerance = tolerance.map((value) => value + 12 * 2 ** -53);
    const { condition } = activation;
    expect(got).toBeWithin(fixture(`gelu.${condition.toLowerCase()}`), torchTolerance, {
      label: `torch's ${condition}`,
    });
  },
);

describe('with SILU_MUL matmul writes a column for two of w', () => {
  test.each([2, 6, 62, 64, 66, 330].flatMap((N) => WEIGHT_DTYPES.map((dtype) => ({ N, dtype }))))(
    'of $N, weights of $dtype, with the bits of the plain kernel after it',
    ({ N, dtype }) => checkSiluMul(device, { M: 5, K: 60, N }, dtype),
  );

  test('and refuses a column without its gate, a residual, and columns beyond the end of its output', async () => {
    const inputs = { ...matmulInputs(3, { M: 2, K: 60, N: 34 }, 'f32'), activation: 'SILU_MUL' } as const;
    const run = (O: number, first: number, conditions: Record<string, boolean> = {}) =>
      runMatmul(device, { ...inputs, columns: { O, first } }, { conditions });
    await expect(run(20, 4)).rejects.toThrow("matmul: columns [4, 21) are beyond out's 20");
    await expect(run(20, 0, { RESIDUAL: true })).rejects.toThrow('SILU_MUL and RESIDUAL are both true, expected one');
    await expect(run(20, 0, { GELU: true })).rejects.toThrow('GELU and SILU_MUL are true, expected one of them');
    const odd = { ...matmulInputs(3, { M: 2, K: 60, N: 33 }, 'f32'), columns: { O: 33, first: 0 } };
    await expect(runMatmul(device, odd, { conditions: { SILU_MUL: true } })).rejects.toThrow(
      'matmul: w has 33 columns, with SILU_MUL expected a multiple of 2',
    );
    const x = siluMulNaiveOperands(new Float32Array(6), { M: 1, N: 6 }).tensors;
    await expect(runKernel(device, siluMulNaive, { ...x, out: unwritten(1, 4) }, {})).rejects.toThrow(
      'silu_mul_naive: x is [1, 6]',
    );
  });
});

describe('matmul writes columns [first, first + N) of a wider output', () => {
  test('and leaves the others alone', () => checkColumns(device));

  test('and with RESIDUAL adds to what they hold', () => checkResidual(device));

  test('and refuses those beyond its end, and a choice of another storage type', async () => {
    const inputs = matmulInputs(3, { M: 5, K: 60, N: 33 }, 'f32');
    const run = (first: number, conditions: Record<string, boolean> = {}) =>
      runMatmul(device, { ...inputs, columns: { O: 100, first } }, { conditions });
    await expect(run(68)).rejects.toThrow("matmul: columns [68, 101) are beyond out's 100");
    await expect(run(40, { W_F16: true })).rejects.toThrow('matmul: W_F16 is chosen as true, but w is f32');
  });
});

test.each([1, 7, 60, 257])('the naive matmul gives the same bits, K %i', (K) => checkMatmulNaive(device, K));

describe('the checks above find', () => {
  test('a gate in the place of what it scales', async () => {
    const swapped = mutant(matmul, [['[j + 1] + bias_of_scaled', '[j] + bias_of_n']]);
    await expect(checkSiluMul(device, { M: 5, K: 60, N: 66 }, 'f16', swapped)).rejects.toThrow('SILU_MUL: element');
  });

  test.each<{ fault: string; changes: Changes; message: RegExp }>([
    {
      fault: 'a last k that is left out',
      changes: [['k < params.K; k +=', 'k + 1u < params.K; k +=']],
      message: /element/,
    },
    { fault: 'a missing bias', changes: [[' + bias_of_n', '']], message: /element/ },
    {
      fault: 'a write past the last row',
      changes: [['row + u32(r) < params.M', 'true']],
      message: /of out was overwritten/,
    },
    {
      fault: 'a write past the last column',
      changes: [['if (n >= params.N) { continue; }', '']],
      message: /of out was overwritten/,
    },
  ])('$fault', async ({ changes, message }) => {
    const faulty = mutant(matmul, changes);
    await expect(checkMatmul(device, { M: 3, K: 257, N: 33 }, 'f16', faulty, { ROWS: 4 })).rejects.toThrow(message);
  });

  test('one GELU in place of the other', async () => {
    const [geluNew, gelu] = ACTIVATIONS;
    const swapped = mutant(matmul, [
      ['return gelu_new(sum)', 'return gelu(sum)'],
      ['(GELU) fn f(sum: f32) -> f32 { return gelu(', '(GELU) fn f(sum: f32) -> f32 { return gelu_new('],
    ]);
    await expect(checkActivation(device, geluNew!, 'f32', swapped)).rejects.toThrow('GELU_NEW: element');
    await expect(checkActivation(device, gelu!, 'f32', swapped)).rejects.toThrow('GELU: element');
  });

  test.each<{ fault: string; numActivation: number; changes: Changes }>([
    {
      fault: 'a GELU_NEW that makes numbers of what is not finite',
      numActivation: 0,
      changes: [['return unless_broken(x, select(x / (1.0 + exp(min(e', 'return (select(x / (1.0 + exp(min(e']],
    },
    {
      fault: 'a GELU that makes numbers of what is not finite',
      numActivation: 1,
      changes: [['return unless_broken(x, select(x * (1.0', 'return (select(x * (1.0']],
    },
    {
      fault: 'a SILU that makes numbers of what is not finite',
      numActivation: 3,
      changes: [['return unless_broken(x, select(x / (1.0 + exp(min(-x', 'return (select(x / (1.0 + exp(min(-x']],
    },
    {
      fault: 'a RELU that makes a number of NaN',
      numActivation: 2,
      changes: [['select(max(x, 0.0), x, is_nan(x))', 'max(0.0, x)']],
    },
  ])('$fault', async ({ numActivation, changes }) => {
    const activation = ACTIVATIONS[numActivation]!;
    const broken = checkBrokenValues(device, activation, mutant(matmul, changes));
    await expect(broken).rejects.toThrow(`${activation.condition} of what is not finite`);
  });
});
