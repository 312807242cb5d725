// RMS norm in each reduction class against float64, in the promised order of its sum, and with the same bits alone and in a batch.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { REDUCTION_CLASSES, type ReductionClass } from '../../src/gpu/reduction.ts';
import { floatsOf } from '../../src/kernels/kernel-case.ts';
import { NORM_LANES as WIDTH } from '../../src/kernels/layernorm/expected.ts';
import { LAYERNORM_ROWS } from '../../src/kernels/layernorm/operands.ts';
import { rmsnormInputs } from '../../src/kernels/rmsnorm/operands.ts';
import { rmsnorm } from '../../src/kernels/rmsnorm/rmsnorm.ts';
import { rmsnormNaive } from '../../src/kernels/rmsnorm/rmsnorm-naive.ts';
import { expectSameBits } from '../support/kernels/expect-within.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { checkRmsnorm, checkRmsnormNaive, checkRmsnormOrder, runRmsnorm } from '../support/kernels/rmsnorm-case.ts';

/** Lengths of rows: one lane's, those around a whole turn of all lanes, and what lanes of the class `gpu` do not hold. */
const LENGTHS: Readonly<Record<ReductionClass, readonly number[]>> = {
  software: [1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 60, 257, 576],
  gpu: [1, 2, 255, 256, 257, 576, 2048, 2309],
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
    {
      fault: 'of squares that are rounded',
      changes: [['squares = fma(x[row + c], x[row + c], squares)', 'squares += (x[row + c] * 1.0000001) * x[row + c]']],
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
    { fault: 'a missing gamma', changes: [['* scale * gamma[c];', '* scale;']], message: /element/ },
    {
      fault: 'a write past the output',
      changes: [['c < params.C; c += WIDTH) { out', 'c <= params.C; c += WIDTH) { out']],
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
      fault: 'a sum that counts what stands in for elements after the last',
      changes: [['select(0.0, xs[i], lane + i * PARTS < params.C)', 'xs[i]']],
      message: /element/,
    },
    {
      fault: 'a write past the output',
      changes: [['if (c < params.C)', 'if (c <= params.C)']],
      message: /out: word 0 after/,
    },
  ],
};

describe.each(REDUCTION_CLASSES)('rmsnorm in the class %s', (reduction) => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open({ reduction });
  });
  afterAll(() => device.close());

  test.each(LENGTHS[reduction])('of rows of %i agrees with float64', (C) => checkRmsnorm(device, C));

  test('adds up in the order that its bits are promised by', () => checkRmsnormOrder(device));

  test('of a row alone has the bits of the same row among others', async () => {
    const C = 257;
    const inputs = rmsnormInputs(1, C);
    const together = await runRmsnorm(device, inputs);
    for (const [n, name] of LAYERNORM_ROWS.entries()) {
      const alone = await runRmsnorm(device, { ...inputs, x: inputs.x.slice(n * C, (n + 1) * C) });
      expectSameBits(alone, together.subarray(n * C, (n + 1) * C), name);
    }
  });

  test('takes epsilon from the caller', async () => {
    const inputs = { x: Float32Array.of(-1, 1), gamma: Float32Array.of(1, 3), eps: 3 };
    expect([...floatsOf(await runRmsnorm(device, inputs))]).toEqual([-0.5, 1.5]);
  });

  test('refuses the order of the other class', () => {
    const WIDE = reduction !== 'gpu';
    expect(() => rmsnorm.variant(device.traits, { conditions: { WIDE } })).toThrow(
      `rmsnorm: WIDE is ${WIDE}, expected ${!WIDE} in the reduction class ${reduction}`,
    );
  });

  test.each(ORDER_FAULTS[reduction])('and the check of the order finds a sum $fault', async ({ changes }) => {
    await expect(checkRmsnormOrder(device, mutant(rmsnorm, changes))).rejects.toThrow('order of the sum: element');
  });

  test.each(FAULTS[reduction])('and the checks find $fault', async ({ changes, message }) => {
    await expect(checkRmsnorm(device, 257, mutant(rmsnorm, changes))).rejects.toThrow(message);
  });
});

describe('the naive RMS norm', () => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open();
  });
  afterAll(() => device.close());

  test.each([1, 31, 60, 257])('of rows of %i agrees with float64', (C) => checkRmsnormNaive(device, C));

  test('and that check finds a fault', async () => {
    const faulty = mutant(rmsnormNaive, [[' + params.eps', '']]);
    await expect(checkRmsnormNaive(device, 60, faulty)).rejects.toThrow(/element/);
  });
});
