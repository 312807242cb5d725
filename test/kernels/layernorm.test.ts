import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { layernorm } from '../../src/kernels/layernorm.ts';
import { layerNorm } from '../../src/reference/operators.ts';
import { expectSameBits, expectWithin } from '../support/expect-within.ts';
import { nans, operand } from '../support/guarded-tensor.ts';
import { type Changes, mutant } from '../support/mutant.ts';
import { normals } from '../support/random-data.ts';
import { readSafetensors } from '../support/read-safetensors.ts';
import { floatsOf, runKernel } from '../support/run-kernel.ts';

/** Lanes of the workgroup: `WIDTH` of shaders/layernorm.wgsl. */
const WIDTH = 32;
const EPSILON = 1e-5;
const U = 2 ** -24;

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

/** Rows that strain the sums, beside ordinary ones. */
const ROWS: Readonly<Record<string, (row: Float32Array) => Float32Array>> = {
  ordinary: (row) => row,
  outlier: (row) => row.map((x, c) => (c === row.length >> 1 ? 1000 * x : x)),
  constant: (row) => row.fill(3.7),
  zero: (row) => row.fill(0),
  'far from zero': (row) => row.map((x) => x + 1000),
  'smaller than epsilon': (row) => row.map((x) => 1e-4 * x),
};

function testRows(seed: number, C: number): Float32Array {
  return Float32Array.from(Object.values(ROWS).flatMap((change, n) => [...change(normals(seed + n, C))]));
}

/**
 * First-order bounds, u = 2^-24. A sum takes n = ⌈C / 32⌉ + 32 additions one after another, so the mean errs by
 * δ ≤ (n + 1) u · mean |x|, and d = x − mean by δ + u |d|. That of the variance moves 1 / √(variance + ε) by half its
 * relative error, (n + 4) u / 2, to which WGSL's accuracy of sqrt and of two divisions adds 2 · (3 + 2.5 + 2.5) u. An
 * error of δ in every d is of second order in the variance: δ² / (variance + ε) / 2.
 */
function toleranceOf(x: Float64Array, gamma: Float64Array, want: Float64Array, C: number, epsilon: number) {
  const n = Math.ceil(C / WIDTH) + WIDTH;
  return want.map((out, i) => {
    const row = x.subarray(i - (i % C), i - (i % C) + C);
    const mean = row.reduce((sum, v) => sum + v, 0) / C;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / C;
    const delta = ((n + 1) * U * row.reduce((sum, v) => sum + Math.abs(v), 0)) / C;
    const scale = 1 / Math.sqrt(variance + epsilon);
    const d = Math.abs(x[i]! - mean);
    const relative = ((n + 4) / 2 + 16 + 3) * U + (delta * scale) ** 2 / 2;
    return Math.abs(gamma[i % C]!) * scale * (delta + relative * (d + delta)) + 2 * U * Math.abs(out);
  });
}

interface Inputs {
  readonly x: Float32Array;
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
}

function run({ x, gamma, beta }: Inputs, eps = EPSILON, kernel = layernorm): Promise<Uint32Array> {
  const [C, N] = [gamma.length, x.length / gamma.length];
  const operands = { x: operand(x, N, C), gamma: operand(gamma, C), beta: operand(beta, C), out: nans(N, C) };
  return runKernel(device, kernel, operands, { eps });
}

async function check(C: number, kernel = layernorm): Promise<void> {
  const [x, gamma, beta] = [testRows(C, C), normals(C + 50, C), normals(C + 51, C)];
  const [wide, wideGamma] = [Float64Array.from(x), Float64Array.from(gamma)];
  const want = layerNorm(wide, wideGamma, Float64Array.from(beta), { N: x.length / C, C, epsilon: EPSILON });
  const got = floatsOf(await run({ x, gamma, beta }, EPSILON, kernel));
  expectWithin(got, want, toleranceOf(wide, wideGamma, want, C, EPSILON), `rows of ${C}: ${Object.keys(ROWS)}`);
}

describe('layernorm', () => {
  test.each([1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 60, 257, 768])('of rows of %i agrees with float64', (C) => check(C));

  test('agrees with torch on outlier, constant and huge rows', async () => {
    const fixtures = readSafetensors('test/fixtures/ops.safetensors');
    const fixture = (name: string) => fixtures.get(`layernorm.${name}`)!;
    const [x, gamma, want] = [fixture('x'), fixture('gamma'), fixture('out')];
    const inputs = {
      x: Float32Array.from(x),
      gamma: Float32Array.from(gamma),
      beta: Float32Array.from(fixture('beta')),
    };
    const tolerance = toleranceOf(x, gamma, want, gamma.length, EPSILON);
    expectWithin(floatsOf(await run(inputs)), want, tolerance, 'fixture');
  });

  test('of a row alone has the bits of the same row among others', async () => {
    const C = 257;
    const inputs = { x: testRows(1, C), gamma: normals(2, C), beta: normals(3, C) };
    const together = await run(inputs);
    for (const [n, name] of Object.keys(ROWS).entries()) {
      const alone = await run({ ...inputs, x: inputs.x.slice(n * C, (n + 1) * C) });
      expectSameBits(alone, together.subarray(n * C, (n + 1) * C), name);
    }
  });

  test('takes epsilon from the caller', async () => {
    const inputs = { x: Float32Array.of(-1, 1), gamma: Float32Array.of(1, 1), beta: Float32Array.of(0, 0) };
    expect([...floatsOf(await run(inputs, 3))]).toEqual([-0.5, 0.5]);
  });
});

describe('the checks above find', () => {
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
      fault: 'a write behind the output',
      changes: [['c < params.C; c += WIDTH) {\n    out', 'c <= params.C; c += WIDTH) {\n    out']],
      message: /out: word 0 behind/,
    },
  ])('$fault', async ({ changes, message }) => {
    await expect(check(257, mutant(layernorm, changes))).rejects.toThrow(message);
  });
});
