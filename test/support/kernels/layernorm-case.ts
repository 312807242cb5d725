import type { Device } from '../../../src/gpu/device.ts';
import type { Kernel } from '../../../src/gpu/kernel.ts';
import { floatsOf, hostTensor, unwritten } from '../../../src/kernels/kernel-case.ts';
import { layernorm } from '../../../src/kernels/layernorm/layernorm.ts';
import { layerNorm } from '../../../src/reference/operators.ts';
import { normals, permutation } from '../../../src/util/random-values.ts';
import { expectWithin } from './expect-within.ts';
import { runKernel } from './run-kernel.ts';

/** Lanes of the workgroup: `WIDTH` of shaders/layernorm.wgsl. */
export const WIDTH = 32;
const EPSILON = 1e-5;
const U = 2 ** -24;

/** Rows that strain the sums, beside ordinary ones. */
const ROWS: Readonly<Record<string, (row: Float32Array) => Float32Array>> = {
  ordinary: (row) => row,
  outlier: (row) => row.map((x, c) => (c === row.length >> 1 ? 1000 * x : x)),
  constant: (row) => row.fill(3.7),
  zero: (row) => row.fill(0),
  'far from zero': (row) => row.map((x) => x + 1000),
  'smaller than epsilon': (row) => row.map((x) => 1e-4 * x),
};

export const ROW_NAMES: readonly string[] = Object.keys(ROWS);

export interface LayernormInputs {
  readonly x: Float32Array;
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
}

/** One row of C for each of ROW_NAMES. */
export function layernormInputs(seed: number, C: number): LayernormInputs {
  const x = Float32Array.from(Object.values(ROWS).flatMap((change, n) => [...change(normals(seed + n, C))]));
  return { x, gamma: normals(seed + 50, C), beta: normals(seed + 51, C) };
}

/**
 * First-order bounds, u = 2^-24. A sum takes n = ⌈C / 32⌉ + 32 additions one after another, so the mean errs by
 * δ ≤ (n + 1) u · mean |x|, and d = x − mean by δ + u |d|. That of the variance moves 1 / √(variance + ε) by half its
 * relative error, (n + 4) u / 2, to which WGSL's accuracy of sqrt and of two divisions adds 2 · (3 + 2.5 + 2.5) u. An
 * error of δ in every d is of second order in the variance: δ² / (variance + ε) / 2.
 */
export function layernormTolerance(x: Float64Array, gamma: Float64Array, want: Float64Array): Float64Array {
  const C = gamma.length;
  const n = Math.ceil(C / WIDTH) + WIDTH;
  return want.map((out, i) => {
    const row = x.subarray(i - (i % C), i - (i % C) + C);
    const mean = row.reduce((sum, v) => sum + v, 0) / C;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / C;
    const delta = ((n + 1) * U * row.reduce((sum, v) => sum + Math.abs(v), 0)) / C;
    const scale = 1 / Math.sqrt(variance + EPSILON);
    const d = Math.abs(x[i]! - mean);
    const relative = ((n + 4) / 2 + 16 + 3) * U + (delta * scale) ** 2 / 2;
    return Math.abs(gamma[i % C]!) * scale * (delta + relative * (d + delta)) + 2 * U * Math.abs(out);
  });
}

/** Words of out[N, C]. */
export function runLayernorm(
  device: Device,
  { x, gamma, beta }: LayernormInputs,
  eps = EPSILON,
  kernel: Kernel<typeof layernorm.spec> = layernorm,
): Promise<Uint32Array> {
  const [C, N] = [gamma.length, x.length / gamma.length];
  const operands = {
    x: hostTensor(x, N, C),
    gamma: hostTensor(gamma, C),
    beta: hostTensor(beta, C),
    out: unwritten(N, C),
  };
  return runKernel(device, kernel, operands, { eps });
}

/** Expects of rows of C what float64 makes of them. */
export async function checkLayernorm(
  device: Device,
  C: number,
  kernel: Kernel<typeof layernorm.spec> = layernorm,
): Promise<void> {
  const inputs = layernormInputs(C, C);
  const [x, gamma, beta] = [inputs.x, inputs.gamma, inputs.beta].map((data) => Float64Array.from(data));
  const want = layerNorm(x!, gamma!, beta!, { N: x!.length / C, C, epsilon: EPSILON });
  const got = floatsOf(await runLayernorm(device, inputs, EPSILON, kernel));
  expectWithin(got, want, layernormTolerance(x!, gamma!, want), `rows of ${C}: ${ROW_NAMES}`);
}

/**
 * Expects the mean of a sum in the order that the kernel promises: c = i, i + WIDTH, … in lane i, then the lanes. The row's
 * large numbers cancel, so that the sum is its rounding errors and any other order gives another one; gamma makes the
 * difference large.
 */
export async function checkLayernormOrder(
  device: Device,
  kernel: Kernel<typeof layernorm.spec> = layernorm,
): Promise<void> {
  const C = 4 * WIDTH;
  const half = normals(5, C / 2, 2 ** 20);
  const order = permutation(6, C);
  const x = Float32Array.from(order, (c) => (c < C / 2 ? half[c]! : 0.25 - half[c - C / 2]!));
  x[7] = 0;
  const lanes = new Float32Array(WIDTH);
  x.forEach((value, c) => {
    lanes[c % WIDTH]! += value;
  });
  const mean = lanes.reduce((sum, lane) => Math.fround(sum + lane), 0) / C;
  const wide = Float64Array.from(x);
  const variance = wide.reduce((sum, value) => sum + (value - mean) ** 2, 0) / C;
  const [gamma, beta] = [new Float32Array(C).fill(2 ** 20), new Float32Array(C)];
  const want = wide.map((value) => ((value - mean) / Math.sqrt(variance + EPSILON)) * 2 ** 20);
  const got = floatsOf(await runLayernorm(device, { x, gamma, beta }, EPSILON, kernel));
  // The mean is given, but for a division by a power of two; the rest errs as in `layernormTolerance`.
  const relative = ((C / WIDTH + WIDTH + 4) / 2 + 20) * U;
  expectWithin(
    got,
    want,
    want.map((value) => relative * Math.abs(value)),
    'order of the sum',
  );
}
