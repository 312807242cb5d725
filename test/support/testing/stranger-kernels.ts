// Kernels as a stranger to the library writes them: a right form of each, and its operands and reference at any size.
import type { Device } from '../../../src/gpu/device.ts';
import { defineKernel, type Kernel } from '../../../src/gpu/kernel.ts';
import { type KernelSpec, read, write } from '../../../src/gpu/kernel-spec.ts';
import { bounds } from '../../../src/testing/bounds.ts';
import { type CheckedOperands, examineKernel } from '../../../src/testing/check-kernel.ts';
import type { CheckOptions } from '../../../src/testing/check-options.ts';
import type { CheckReport } from '../../../src/testing/check-report.ts';
import type { CheckedOperand } from '../../../src/testing/host-operands.ts';
import { normals, uniforms } from '../../../src/util/random-values.ts';

/** A stranger's kernel: its declaration, and what it is checked with. */
export interface Stranger {
  readonly name: string;
  readonly spec: KernelSpec;
  /** Operands of about `size` elements. */
  operands(size: number): Readonly<Record<string, CheckedOperand>>;
  readonly options: CheckOptions;
}

/** The numbers of an operand that is an array or has one. */
function rowsOf(data: ArrayLike<number>, width: number): number[][] {
  return Array.from({ length: data.length / width }, (_, r) =>
    Array.from({ length: width }, (_, c) => data[r * width + c]!),
  );
}

const IN_OUT = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
`;
const GLOBAL = '@builtin(global_invocation_id) id: vec3<u32>';
const LOCAL = '@builtin(local_invocation_index) lane: u32';
const GROUP = '@builtin(workgroup_id) group: vec3<u32>';

/** y[N] = 2 x[N]. */
export const doubled: Stranger = {
  name: 'doubled',
  spec: {
    name: 'doubled',
    source: `${IN_OUT}
      @compute @workgroup_size(64) fn main(${GLOBAL}) {
        let i = id.x;
        if (i >= params.N) { return; }
        y[i] = 2.0 * x[i];
      }`,
    bindings: { x: read('N'), y: write('N') },
    params: { N: 'u32' },
    workgroups: ({ N = 0 }) => [Math.ceil(N / 64), 1, 1],
  },
  operands: (size) => ({ x: normals(1, size) }),
  options: { reference: ({ x }) => ({ y: x!.map((value) => 2 * value) }) },
};

/** y[N] = max(x[N], 0), by the comparison that keeps NaN. */
export const relu: Stranger = {
  ...doubled,
  name: 'relu',
  spec: {
    ...doubled.spec,
    name: 'relu',
    source: `${IN_OUT}
      @compute @workgroup_size(64) fn main(${GLOBAL}) {
        let i = id.x;
        if (i >= params.N) { return; }
        y[i] = select(x[i], 0.0, x[i] < 0.0);
      }`,
  },
  options: { reference: ({ x }) => ({ y: x!.map((value) => Math.max(value, 0)) }) },
};

/** y[C, R] = x[R, C] transposed, over tiles in workgroup memory. */
export const transposed: Stranger = {
  name: 'transposed',
  spec: {
    name: 'transposed',
    source: `${IN_OUT}
      var<workgroup> tile: array<array<f32, 8>, 8>;
      @compute @workgroup_size(8, 8) fn main(@builtin(local_invocation_id) local: vec3u, ${GROUP}) {
        let in = group.xy * 8u + local.xy;
        if (in.x < params.C && in.y < params.R) { tile[local.y][local.x] = x[in.y * params.C + in.x]; }
        workgroupBarrier();
        let out = group.yx * 8u + local.xy;
        if (out.x < params.R && out.y < params.C) { y[out.y * params.R + out.x] = tile[local.x][local.y]; }
      }`,
    bindings: { x: read('R', 'C'), y: write('C', 'R') },
    params: { R: 'u32', C: 'u32' },
    workgroups: ({ R = 0, C = 0 }) => [Math.ceil(C / 8), Math.ceil(R / 8), 1],
  },
  operands: (size) => {
    const shape = [3 + (size % 11), 1 + Math.ceil(size / 13)];
    return { x: { data: normals(2, shape[0]! * shape[1]!), shape } };
  },
  options: {
    reference: ({ x }, { R = 0, C = 0 }) => ({
      y: Array.from({ length: R * C }, (_, i) => x![(i % R) * C + Math.floor(i / R)]!),
    }),
  },
};

/** y[N]: each number's successor in its block of 64; the last one's is the first. */
export const rotated: Stranger = {
  ...doubled,
  name: 'rotated',
  spec: {
    ...doubled.spec,
    name: 'rotated',
    source: `${IN_OUT}
      var<workgroup> block: array<f32, 64>;
      @compute @workgroup_size(64) fn main(${GLOBAL}, ${LOCAL}) {
        block[lane] = 0.0;
        if (id.x < params.N) { block[lane] = x[id.x]; }
        workgroupBarrier();
        if (id.x < params.N) { y[id.x] = block[(lane + 1u) % 64u]; }
      }`,
  },
  options: {
    reference: ({ x }) => ({ y: x!.map((_, i) => x![i - (i % 64) + ((i + 1) % 64)] ?? 0) }),
  },
};

/** y[R] = Σ x[R, C], over a tree in workgroup memory. */
export const rowSums: Stranger = {
  name: 'rowSums',
  spec: {
    name: 'rowSums',
    source: `${IN_OUT}
      var<workgroup> sums: array<f32, 64>;
      @compute @workgroup_size(64) fn main(${GROUP}, ${LOCAL}) {
        var sum = 0.0;
        for (var c = lane; c < params.C; c += 64u) { sum += x[group.x * params.C + c]; }
        sums[lane] = sum;
        workgroupBarrier();
        for (var width = 32u; width > 0u; width /= 2u) {
          if (lane < width) { sums[lane] += sums[lane + width]; }
          workgroupBarrier();
        }
        if (lane == 0u) { y[group.x] = sums[0]; }
      }`,
    bindings: { x: read('R', 'C'), y: write('R') },
    params: { C: 'u32' },
    workgroups: ({ R = 0 }) => [R, 1, 1],
  },
  operands: (size) => ({ x: { data: normals(3, 5 * size), shape: [5, size] } }),
  options: {
    reference: ({ x }, { C = 0 }) => ({ y: rowsOf(x!, C).map((row) => row.reduce((sum, value) => sum + value, 0)) }),
    bound: bounds.sum(1000),
  },
};

/** y[T]: each row's sum over its first t + 1 columns, as a causal mask lets through. */
export const causalSums: Stranger = {
  name: 'causalSums',
  spec: {
    name: 'causalSums',
    source: `${IN_OUT}
      @compute @workgroup_size(64) fn main(${GLOBAL}) {
        let t = id.x;
        if (t >= params.T) { return; }
        var sum = 0.0;
        for (var s = 0u; s < params.T; s++) { if (s <= t) { sum += x[t * params.T + s]; } }
        y[t] = sum;
      }`,
    bindings: { x: read('T', 'T'), y: write('T') },
    params: { T: 'u32' },
    workgroups: ({ T = 0 }) => [Math.ceil(T / 64), 1, 1],
  },
  operands: (size) => {
    const T = 1 + (size % 90);
    return { x: { data: normals(4, T * T), shape: [T, T] } };
  },
  options: {
    reference: ({ x }, { T = 0 }) => ({
      y: rowsOf(x!, T).map((row, t) => row.slice(0, t + 1).reduce((sum, value) => sum + value, 0)),
    }),
    bound: bounds.sum(90),
  },
};

/** y[R, C]: the softmax of each row. */
const softmaxed: Stranger = {
  name: 'softmaxed',
  spec: {
    name: 'softmaxed',
    source: `${IN_OUT}
      var<workgroup> scratch: array<f32, 64>;
      fn folded(lane: u32, value: f32, is_max: bool) -> f32 {
        workgroupBarrier();
        scratch[lane] = value;
        workgroupBarrier();
        for (var width = 32u; width > 0u; width >>= 1u) {
          if (lane < width) {
            let other = scratch[lane + width];
            scratch[lane] = select(scratch[lane] + other, max(scratch[lane], other), is_max);
          }
          workgroupBarrier();
        }
        return scratch[0];
      }
      @compute @workgroup_size(64) fn main(${GROUP}, ${LOCAL}) {
        let row = group.x * params.C;
        var top = -3.4e38;
        for (var c = lane; c < params.C; c += 64u) { top = max(top, x[row + c]); }
        top = folded(lane, top, true);
        var sum = 0.0;
        for (var c = lane; c < params.C; c += 64u) { sum += exp(x[row + c] - top); }
        sum = folded(lane, sum, false);
        for (var c = lane; c < params.C; c += 64u) { y[row + c] = exp(x[row + c] - top) / sum; }
      }`,
    bindings: { x: read('R', 'C'), y: write('R', 'C') },
    params: { C: 'u32' },
    workgroups: ({ R = 0 }) => [R, 1, 1],
  },
  operands: (size) => ({ x: { data: normals(5, 4 * size), shape: [4, size] } }),
  options: {
    reference: ({ x }, { C = 0 }) => ({
      y: rowsOf(x!, C).flatMap((row) => {
        const top = Math.max(...row);
        const sum = row.reduce((total, value) => total + Math.exp(value - top), 0);
        return row.map((value) => Math.exp(value - top) / sum);
      }),
    }),
    bound: { abs: 0, rel: 1e-5 },
  },
};

/** y[N] = Σ of the first elements up to each one, of at most 256: Hillis and Steele's scan. */
const prefixSums: Stranger = {
  name: 'prefixSums',
  spec: {
    name: 'prefixSums',
    source: `${IN_OUT}
      var<workgroup> sums: array<f32, 256>;
      @compute @workgroup_size(256) fn main(${LOCAL}) {
        sums[lane] = select(0.0, x[lane], lane < arrayLength(&x));
        for (var step = 1u; step < 256u; step *= 2u) {
          workgroupBarrier();
          var sum = sums[lane];
          if (lane >= step) { sum += sums[lane - step]; }
          workgroupBarrier();
          sums[lane] = sum;
        }
        if (lane < arrayLength(&y)) { y[lane] = sums[lane]; }
      }`,
    bindings: { x: read('N'), y: write('N') },
    accepts: ({ N = 0 }) => (N <= 256 ? null : `N is ${N}, expected at most 256`),
    workgroups: () => [1, 1, 1],
  },
  operands: (size) => ({ x: normals(6, 1 + (size % 256)) }),
  options: {
    reference: ({ x }) => {
      let sum = 0;
      return { y: Array.from(x!, (value) => (sum += value)) };
    },
    bound: bounds.sum(256),
  },
};

/** counts[16] of x[N] in [0, 1), added atomically to what they hold. */
const histogram: Stranger = {
  name: 'histogram',
  spec: {
    name: 'histogram',
    source: /* wgsl */ `
      @group(0) @binding(0) var<storage, read> x: array<f32>;
      @group(0) @binding(1) var<storage, read_write> counts: array<atomic<u32>>;
      var<workgroup> own: array<atomic<u32>, 16>;
      @compute @workgroup_size(64) fn main(${GLOBAL}, ${LOCAL}) {
        if (lane < 16u) { atomicStore(&own[lane], 0u); }
        workgroupBarrier();
        if (id.x < arrayLength(&x)) { atomicAdd(&own[min(u32(x[id.x] * 16.0), 15u)], 1u); }
        workgroupBarrier();
        if (lane < 16u) { atomicAdd(&counts[lane], atomicLoad(&own[lane])); }
      }`,
    bindings: { x: read('N'), counts: write.u32(16) },
    workgroups: ({ N = 0 }) => [Math.ceil(N / 64), 1, 1],
  },
  operands: (size) => ({ x: uniforms(7, size).map(Math.abs), counts: new Uint32Array(16) }),
  options: {
    reference: ({ x }) => {
      const counts = new Uint32Array(16);
      for (const value of x!) counts[Math.min(Math.floor(value * 16), 15)]!++;
      return { counts };
    },
  },
};

/** best[R]: the column of each row's largest number, the first of equals. */
const argmax: Stranger = {
  name: 'argmax',
  spec: {
    name: 'argmax',
    source: /* wgsl */ `
      @group(0) @binding(0) var<storage, read> x: array<f32>;
      @group(0) @binding(1) var<storage, read_write> best: array<u32>;
      struct Found { value: f32, at: u32 }
      var<workgroup> found: array<Found, 32>;
      fn better(a: Found, b: Found) -> Found {
        if (b.value > a.value || (b.value == a.value && b.at < a.at)) { return b; }
        return a;
      }
      struct Ids { @builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u }
      @compute @workgroup_size(32) fn main(ids: Ids) {
        let lane = ids.local.x;
        let row = ids.group.x * params.C;
        var mine = Found(-3.4e38, 0xffffffffu);
        for (var c = lane; c < params.C; c += 32u) { mine = better(mine, Found(x[row + c], c)); }
        found[lane] = mine;
        for (var width = 16u; width > 0u; width /= 2u) {
          workgroupBarrier();
          if (lane < width) { found[lane] = better(found[lane], found[lane + width]); }
        }
        if (lane == 0u) { best[ids.group.x] = found[0].at; }
      }`,
    bindings: { x: read('R', 'C'), best: write.u32('R') },
    params: { C: 'u32' },
    workgroups: ({ R = 0 }) => [R, 1, 1],
  },
  operands: (size) => ({ x: { data: normals(8, 3 * size), shape: [3, size] } }),
  options: {
    reference: ({ x }, { C = 0 }) => ({ best: rowsOf(x!, C).map((row) => row.indexOf(Math.max(...row))) }),
  },
};

/** y[R] = Σ x[R, C]² of f16 numbers, summed in f32. */
export const halfSquares: Stranger = {
  name: 'halfSquares',
  spec: {
    name: 'halfSquares',
    requires: ['shader-f16'],
    source: /* wgsl */ `
      enable f16;
      @group(0) @binding(0) var<storage, read> x: array<u32>;
      @group(0) @binding(1) var<storage, read_write> y: array<f32>;
      @compute @workgroup_size(64) fn main(${GLOBAL}) {
        if (id.x >= params.R) { return; }
        var sum = 0.0;
        for (var c = 0u; c < params.C / 2u; c++) {
          let pair = bitcast<vec2<f16>>(x[id.x * (params.C / 2u) + c]);
          sum += dot(vec2<f32>(pair), vec2<f32>(pair));
        }
        y[id.x] = sum;
      }`,
    bindings: { x: read.f16('R', 'C'), y: write('R') },
    params: { R: 'u32', C: 'u32' },
    workgroups: ({ R = 0 }) => [Math.ceil(R / 64), 1, 1],
  },
  operands: (size) => {
    const shape = [1 + (size % 7), 2 * Math.ceil(size / 5)];
    return { x: { data: Float16Array.from(normals(9, shape[0]! * shape[1]!)), shape } };
  },
  options: {
    reference: ({ x }, { C = 0 }) => ({
      y: rowsOf(x!, C).map((row) => row.reduce((sum, value) => sum + value ** 2, 0)),
    }),
    bound: bounds.sum(200),
  },
};

/** All that are right. */
export const STRANGERS: readonly Stranger[] = [
  doubled,
  relu,
  transposed,
  rotated,
  rowSums,
  causalSums,
  softmaxed,
  prefixSums,
  histogram,
  argmax,
  halfSquares,
];

/** Declares a stranger's kernel, with changes of its text: each must be found once. */
export function kernelOf({ spec }: Stranger, ...changes: readonly (readonly [from: string, to: string])[]): Kernel {
  let { source = '' } = spec;
  for (const [from, to] of changes) {
    if (source.split(from).length !== 2) throw new Error(`${spec.name} has "${from}" not once`);
    source = source.replace(from, to);
  }
  return defineKernel({ ...spec, source });
}

/** Checks a kernel as its stranger would: with defaults. */
export function examine(device: Device, stranger: Stranger, kernel: Kernel, size = 100): Promise<CheckReport> {
  return examineKernel(device, kernel, operandsOf(stranger, size), {}, stranger.options);
}

/** Operands as a kernel of unknown bindings takes them. */
export function operandsOf(stranger: Stranger, size: number): CheckedOperands<KernelSpec> {
  return stranger.operands(size);
}
