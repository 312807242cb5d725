// A kernel over the modules exp_ln and gumbel, to compare each function with float64 by itself.
import type { Device } from '../../../src/gpu/device.ts';
import { defineKernel } from '../../../src/gpu/kernel.ts';
import { read, write } from '../../../src/gpu/kernel-spec.ts';
import { floatsOf, hostTensor, unwritten } from '../../../src/kernels/kernel-case.ts';
import { compareWithin } from '../../../src/testing/index.ts';
import { assertPasses } from '../assert-passes.ts';
import { runKernel } from './run-kernel.ts';

/** exp(-x), ln u, Gumbel noise of u and its bound, for x ≥ 0 and u in (0, 1), an element a lane. */
export const noiseKernel = defineKernel({
  name: 'noise',
  source: `
import package::exp_ln::{exp_minus, ln};
import package::gumbel::{gumbel, gumbel_bound};
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> u: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4f>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) workgroup: vec3u) {
  let i = workgroup.x;
  out[i] = vec4f(exp_minus(x[i]), ln(u[i]), gumbel(u[i]), gumbel_bound(u[i]));
}`,
  bindings: { x: read('N'), u: read('N'), out: write('N', 4) },
  workgroups: ({ N }) => [N, 1, 1],
  cost: ({ N }) => ({ bytes: 24 * N, flops: 100 * N }),
});

const U = 2 ** -24;
const N = 512;

/**
 * Expects a few units in the last place: exp(-x) down to exp(-87), where it stays; ln near 1 as elsewhere; noise that is
 * never above its bound, and no further below it than the bound is worth.
 */
export async function checkNoise(device: Device, kernel = noiseKernel): Promise<void> {
  // Distances over many sizes, and u in cells of 2^-23 from either end and in between, as the generator gives them.
  const x = Float32Array.from({ length: N }, (_, i) => (i < 200 ? i / 64 : (i - 200) ** 2 / 1000));
  const cells = Array.from({ length: N }, (_, i) => [i, 2 ** 23 - 1 - i, (i * 16411) % 2 ** 23][i % 3]!);
  const u = Float32Array.from(cells, (cell) => (cell + 0.5) * 2 ** -23);
  const operands = { x: hostTensor(x, N), u: hostTensor(u, N), out: unwritten(N, 4) };
  const out = floatsOf(await runKernel(device, kernel, operands, {}));
  const column = (c: number) => Float64Array.from({ length: N }, (_, i) => out[4 * i + c]!);
  const within = (got: Float64Array, want: number[], units: number, label: string) =>
    assertPasses(
      compareWithin(
        got,
        want,
        want.map((value) => 2 * units * U * Math.abs(value)),
        { label },
      ),
    );
  // exp: half a unit for the last step of the series, a third for that of the reduced argument, a third for the step before.
  within(
    column(0),
    Array.from(x, (value) => Math.exp(-Math.min(value, 87))),
    1.5,
    'exp',
  );
  within(
    column(1),
    Array.from(u, (value) => Math.log(value)),
    4,
    'ln',
  );
  const noise = Array.from(u, (value) => -Math.log(-Math.log(value)));
  // The inner logarithm's error is one of the outer one's value.
  assertPasses(
    compareWithin(
      column(2),
      noise,
      noise.map((value) => 8 * U * (1 + Math.abs(value))),
      { label: 'noise' },
    ),
  );
  // Half way between 1e-3 above the noise and, as log2 is replaced by a chord, -ln u by 1 - u, as far as those go.
  const bound = column(3);
  const chord = Array.from(u, (value) => {
    const exponent = Math.floor(Math.log2(1 - value));
    return -Math.LN2 * (exponent + (1 - value) / 2 ** exponent - 1) + 1e-3;
  });
  assertPasses(
    compareWithin(
      bound,
      chord,
      chord.map((value) => 8 * U * (1 + Math.abs(value)) + 128 * U),
      { label: 'bound' },
    ),
  );
  const slack = bound.map((value, i) => value - noise[i]!);
  assertPasses(
    compareWithin(
      slack.map((value) => Math.min(value, 0)),
      slack.map(() => 0),
      slack.map(() => 0),
      { label: 'bound below the noise' },
    ),
  );
}
