// Layer norm in each reduction class against float64 and torch, in the promised order of its sums, and with the same bits alone
// and in a batch.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { REDUCTION_CLASSES, type ReductionClass } from '../../src/gpu/reduction.ts';
import { floatsOf } from '../../src/kernels/kernel-case.ts';
import { layernormBound, NORM_LANES as WIDTH } from '../../src/kernels/layernorm/expected.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { layernormNaive } from '../../src/kernels/layernorm/layernorm-naive.ts';
import { LAYERNORM_ROWS, layernormInputs } from '../../src/kernels/layernorm/operands.ts';
import { expectSameBits, expectWithin } from '../support/kernels/expect-within.ts';
import {
  checkLayernorm,
  checkLayernormNaive,
  checkLayernormOrder,
  runLayernorm,
} from '../support/kernels/layernorm-case.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';

/** Lengths of rows: one lane's, those around a whole turn of all lanes, and what lanes of the class `gpu` do not hold. */
const LENGTHS: Readonly<Record<ReductionClass, readonly number[]>> = {
  software: [1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 60, 257, 768],
  gpu: [1, 2, 255, 256, 257, 768, 2048, 2309],
};

interface Fault {
  readonly fault: string;
  readonly changes: Changes;
}

const ORDER_FAULTS: Readonly<Record<ReductionClass, readonly Fault[]>> = {
  software: [
    {
      fault: 'over lanes from the last to the first',
      changes: [['sum += partial[i];', 'sum += partial[WIDTH - 1u - i];']],
    },
  ],
  gpu: [
    { fault: 'from the last to the first', changes: [['sum += terms[i];', 'sum += terms[GROUPS - 1u - i];']] },
    {
      fault: 'of groups of parts that are no neighbours',
      changes: [['parts[lane / GROUPS][lane % GROUPS]', 'parts[lane % GROUPS][lane / GROUPS]']],
    },
  ],
};

const FAULTS: Readonly<Record<ReductionClass, readonly (Fault & { readonly message: RegExp })[]>> = {
  software: [
    { fault: 'a missing epsilon', changes: [[' + params.eps', '']], message: /element/ },
    {
      fault: 'the unbiased variance',
      changes: [['squares) / f32(params.C)', 'squares) / f32(params.C - 1u)']],
      message: /element/,
    },
    {
      fault: 'a variance in one pass, which cancels',
      changes: [
        [
          'c += WIDTH) {\n    let d = x[row + c] - mean;\n    squares = fma(d, d, squares)',
          'c += WIDTH) {\n    squares += x[row + c] * x[row + c] - mean * mean',
        ],
      ],
      message: /element/,
    },
    {
      fault: 'a write past the output',
      changes: [['c < params.C; c += WIDTH) {\n    out', 'c <= params.C; c += WIDTH) {\n    out']],
      message: /out: word 0 after/,
    },
  ],
  gpu: [
    {
      fault: 'a missing epsilon',
      changes: [['inverseSqrt(variance + eps)', 'inverseSqrt(variance)']],
      message: /element/,
    },
    {
      fault: 'a mean that counts what stands in for elements after the last',
      changes: [['sum += select(0.0, xs[i], lane + i * PARTS < params.C);', 'sum += xs[i];']],
      message: /element/,
    },
    {
      fault: 'a write past the output',
      changes: [['if (c < params.C)', 'if (c <= params.C)']],
      message: /out: word 0 after/,
    },
  ],
};

describe.each(REDUCTION_CLASSES)('layernorm in the class %s', (reduction) => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open({ reduction });
  });
  afterAll(() => device.close());

  test.each(LENGTHS[reduction])('of rows of %i agrees with float64', (C) => checkLayernorm(device, C));

  test('agrees with torch on outlier, constant and huge rows', async () => {
    const fixtures = readSafetensors('test/fixtures/ops.safetensors');
    const fixture = (name: string) => fixtures.get(`layernorm.${name}`)!;
    const [x, gamma, want] = [fixture('x'), fixture('gamma'), fixture('out')];
    const inputs = {
      x: Float32Array.from(x),
      gamma: Float32Array.from(gamma),
      beta: Float32Array.from(fixture('beta')),
      eps: 1e-5,
    };
    const tolerance = layernormBound(x, gamma, want, inputs.eps);
    expectWithin(floatsOf(await runLayernorm(device, inputs)), want, tolerance, 'fixture');
  });

  test('adds up in the order that its bits are promised by', () => checkLayernormOrder(device));

  test('of a row alone has the bits of the same row among others', async () => {
    const C = 257;
    const inputs = layernormInputs(1, C);
    const together = await runLayernorm(device, inputs);
    for (const [n, name] of LAYERNORM_ROWS.entries()) {
      const alone = await runLayernorm(device, { ...inputs, x: inputs.x.slice(n * C, (n + 1) * C) });
      expectSameBits(alone, together.subarray(n * C, (n + 1) * C), name);
    }
  });

  test('takes epsilon from the caller', async () => {
    const inputs = { x: Float32Array.of(-1, 1), gamma: Float32Array.of(1, 1), beta: Float32Array.of(0, 0), eps: 3 };
    expect([...floatsOf(await runLayernorm(device, inputs))]).toEqual([-0.5, 0.5]);
  });

  test('refuses the order of the other class', () => {
    const WIDE = reduction !== 'gpu';
    expect(() => layernorm.variant(device.traits, { conditions: { WIDE } })).toThrow(
      `layernorm: WIDE is ${WIDE}, expected ${!WIDE} in the reduction class ${reduction}`,
    );
  });

  test.each(ORDER_FAULTS[reduction])('and the check of the order finds a sum $fault', async ({ changes }) => {
    await expect(checkLayernormOrder(device, mutant(layernorm, changes))).rejects.toThrow('order of the sum: element');
  });

  test.each(FAULTS[reduction])('and the checks find $fault', async ({ changes, message }) => {
    await expect(checkLayernorm(device, 257, mutant(layernorm, changes))).rejects.toThrow(message);
  });
});

describe('the naive layer norm', () => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open();
  });
  afterAll(() => device.close());

  test.each([1, 31, 60, 257])('of rows of %i agrees with float64', (C) => checkLayernormNaive(device, C));

  test('and that check finds a fault', async () => {
    const faulty = mutant(layernormNaive, [[' + params.eps', '']]);
    await expect(checkLayernormNaive(device, 60, faulty)).rejects.toThrow(/element/);
  });
});
