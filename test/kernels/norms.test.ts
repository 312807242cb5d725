// Norms of both kinds in each reduction class: against float64, in the promised order of their sums, and with the same bits alone
// and in a batch. A kind and a class is a row of a table, with the faults that the checks must find.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { REDUCTION_CLASSES, type ReductionClass } from '../../src/gpu/reduction.ts';
import { floatsOf } from '../../src/kernels/kernel-case.ts';
import { layernormBound, NORM_LANES as WIDTH } from '../../src/kernels/layernorm/expected.ts';
import '../../src/testing/vitest.ts';
import { LAYERNORM } from '../support/kernels/layernorm-case.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import {
  checkEpsilon,
  checkNaiveNorm,
  checkNorm,
  checkNormOrder,
  checkRowsAlone,
  type Norm,
  runNorm,
} from '../support/kernels/norm-checks.ts';
import { RMSNORM } from '../support/kernels/rmsnorm-case.ts';
import { readSafetensors } from '../support/models/read-safetensors.ts';

/** Change of a shader that the checks must find. */
interface Fault {
  readonly fault: string;
  readonly changes: Changes;
}

/** Fault, and what the check of values says of it. */
interface FoundFault extends Fault {
  readonly message: RegExp;
}

/** Norm in a reduction class. */
interface NormInClass {
  readonly norm: Norm;
  readonly reduction: ReductionClass;
  /** C: one lane's, those around a whole turn of all lanes, a model's, and what lanes of the class `gpu` do not hold. */
  readonly lengths: readonly number[];
  /** Faults of the order of a sum. */
  readonly orderFaults: readonly Fault[];
  readonly faults: readonly FoundFault[];
}

/** Faults of the order that sums of both kinds may have. */
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

/** Other faults that both kinds may have. */
const FAULTS: Readonly<Record<ReductionClass, readonly FoundFault[]>> = {
  software: [{ fault: 'a missing epsilon', changes: [[' + params.eps', '']], message: /element/ }],
  gpu: [
    {
      fault: 'a missing epsilon',
      changes: [['inverseSqrt(variance + eps)', 'inverseSqrt(variance)']],
      message: /element/,
    },
    {
      fault: 'a write past the output',
      changes: [['if (c < params.C)', 'if (c <= params.C)']],
      message: /word 0 after the end of out/,
    },
  ],
};

const NORMS: readonly NormInClass[] = [
  {
    norm: LAYERNORM,
    reduction: 'software',
    lengths: [1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 60, 257, 768],
    orderFaults: ORDER_FAULTS.software,
    faults: [
      ...FAULTS.software,
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
        message: /word 0 after the end of out/,
      },
    ],
  },
  {
    norm: LAYERNORM,
    reduction: 'gpu',
    lengths: [1, 2, 255, 256, 257, 768, 2048, 2309],
    orderFaults: ORDER_FAULTS.gpu,
    faults: [
      ...FAULTS.gpu,
      {
        fault: 'a mean that counts what stands in for elements after the last',
        changes: [['sum += select(0.0, xs[i], lane + i * PARTS < params.C);', 'sum += xs[i];']],
        message: /element/,
      },
    ],
  },
  {
    norm: RMSNORM,
    reduction: 'software',
    lengths: [1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 60, 257, 576],
    orderFaults: [
      ...ORDER_FAULTS.software,
      {
        fault: 'of squares that are rounded',
        changes: [
          ['squares = fma(x[row + c], x[row + c], squares)', 'squares += (x[row + c] * 1.0000001) * x[row + c]'],
        ],
      },
    ],
    faults: [
      ...FAULTS.software,
      { fault: 'a missing gamma', changes: [['* scale * gamma[c];', '* scale;']], message: /element/ },
      {
        fault: 'a write past the output',
        changes: [['c < params.C; c += WIDTH) { out', 'c <= params.C; c += WIDTH) { out']],
        message: /word 0 after the end of out/,
      },
    ],
  },
  {
    norm: RMSNORM,
    reduction: 'gpu',
    lengths: [1, 2, 255, 256, 257, 576, 2048, 2309],
    orderFaults: ORDER_FAULTS.gpu,
    faults: [
      ...FAULTS.gpu,
      {
        fault: 'a sum that counts what stands in for elements after the last',
        changes: [['select(0.0, xs[i], lane + i * PARTS < params.C)', 'xs[i]']],
        message: /element/,
      },
    ],
  },
];

describe.each(NORMS)('$norm.kernel.name in the class $reduction', ({ norm, reduction, ...cases }) => {
  const { kernel } = norm;
  let device: Device;
  beforeAll(async () => {
    device = await Device.open({ reduction });
  });
  afterAll(() => device.close());

  test.each(cases.lengths)('of rows of %i agrees with float64', (C) => checkNorm(device, norm, C));

  test('adds up in the order that its bits are promised by', () => checkNormOrder(device, norm));

  test('of a row alone has the bits of the same row among others', () => checkRowsAlone(device, norm, 257));

  test('takes epsilon from the caller', () => checkEpsilon(device, norm));

  test('refuses the order of the other class', () => {
    const WIDE = reduction !== 'gpu';
    expect(() => kernel.variant(device.traits, { conditions: { WIDE } })).toThrow(
      `${kernel.name}: WIDE is ${WIDE}, expected ${!WIDE} in the reduction class ${reduction}`,
    );
  });

  test.each(cases.orderFaults)('and the check of the order finds a sum $fault', async ({ changes }) => {
    await expect(checkNormOrder(device, norm, mutant(kernel, changes))).rejects.toThrow('order of the sum: element');
  });

  test.each(cases.faults)('and the checks find $fault', async ({ changes, message }) => {
    await expect(checkNorm(device, norm, 257, mutant(kernel, changes))).rejects.toThrow(message);
  });
});

describe.each(REDUCTION_CLASSES)('in the class %s', (reduction) => {
  test('layernorm agrees with torch on outlier, constant and huge rows', async () => {
    using device = await Device.open({ reduction });
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
    expect(floatsOf(await runNorm(device, LAYERNORM, inputs))).toBeWithin(want, tolerance, { label: 'fixture' });
  });
});

describe.each([LAYERNORM, RMSNORM])('the plain form, $naive.name,', (norm) => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open();
  });
  afterAll(() => device.close());

  test.each([1, 31, 60, 257])('of rows of %i agrees with float64', (C) => checkNaiveNorm(device, norm, C));

  test('and that check finds a fault', async () => {
    const faulty = mutant(norm.naive, [[' + params.eps', '']]);
    await expect(checkNaiveNorm(device, norm, 60, faulty)).rejects.toThrow(/element/);
  });
});
