// Layer norm against float64 and torch, in the promised order of its sums, and with the same bits alone and in a batch.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
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

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

describe('layernorm', () => {
  test.each([1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 60, 257, 768])('of rows of %i agrees with float64', (C) =>
    checkLayernorm(device, C),
  );

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
});

test.each([1, 31, 60, 257])('the naive layer norm of rows of %i agrees with float64', (C) =>
  checkLayernormNaive(device, C),
);

describe('the checks above find', () => {
  test('a sum over lanes from the last to the first', async () => {
    const backwards = mutant(layernorm, [['sum += partial[i];', 'sum += partial[WIDTH - 1u - i];']]);
    await expect(checkLayernormOrder(device, backwards)).rejects.toThrow('order of the sum: element');
  });

  test('a fault of the naive one', async () => {
    const faulty = mutant(layernormNaive, [[' + params.eps', '']]);
    await expect(checkLayernormNaive(device, 60, faulty)).rejects.toThrow(/element/);
  });

  test.each<{ fault: string; changes: Changes; message: RegExp }>([
    { fault: 'a missing epsilon', changes: [[' + params.eps', '']], message: /element/ },
    {
      fault: 'the unbiased variance',
      changes: [['squares) / f32(params.C)', 'squares) / f32(params.C - 1u)']],
      message: /element/,
    },
    {
      fault: 'a variance in one pass, which cancels',
      changes: [['squares = fma(d, d, squares)', 'squares += x[row + c] * x[row + c] - mean * mean']],
      message: /element/,
    },
    {
      fault: 'a write past the output',
      changes: [['c < params.C; c += WIDTH) {\n    out', 'c <= params.C; c += WIDTH) {\n    out']],
      message: /out: word 0 after/,
    },
  ])('$fault', async ({ changes, message }) => {
    await expect(checkLayernorm(device, 257, mutant(layernorm, changes))).rejects.toThrow(message);
  });
});
