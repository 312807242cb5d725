// A kernel over the module rng, to compare its bits with src/util/rng.ts.
import type { Device } from '../../../src/gpu/device.ts';
import { defineKernel } from '../../../src/gpu/kernel.ts';
import { read, write } from '../../../src/gpu/kernel-spec.ts';
import { hostTensor } from '../../../src/kernels/kernel-case.ts';
import { compareBits } from '../../../src/testing/index.ts';
import { pcg4d, unitInterval } from '../../../src/util/rng.ts';
import { assertPasses } from '../assert-passes.ts';
import { runKernel } from './run-kernel.ts';

/** All four words of the hash, of which the sampler uses the first alone, and the uniform number of each. */
export const rngKernel = defineKernel({
  name: 'rng_words',
  source: `
import package::rng::{pcg4d, unit_interval};
@group(0) @binding(0) var<storage, read> words: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4u>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) workgroup: vec3u) {
  let hash = pcg4d(words[workgroup.x]);
  out[2u * workgroup.x] = hash;
  let uniforms = vec4f(unit_interval(hash.x), unit_interval(hash.y), unit_interval(hash.z), unit_interval(hash.w));
  out[2u * workgroup.x + 1u] = bitcast<vec4u>(uniforms);
}`,
  bindings: { words: read.u32('N', 4), out: write.u32('N', 2, 4) },
  workgroups: ({ N }) => [N, 1, 1],
  cost: ({ N }) => ({ bytes: 48 * N, flops: 0 }),
});

/** Expects the bits of src/util/rng.ts. */
export async function checkRng(device: Device, kernel = rngKernel): Promise<void> {
  const rows = [
    [0, 0, 0, 0],
    [1, 2, 3, 4],
    [0xffffffff, 0x80000000, 77, 0xdeadbeef],
  ] as const;
  const operands = {
    words: hostTensor(Uint32Array.from(rows.flat()), rows.length, 4),
    out: hostTensor(new Uint32Array(8 * rows.length), rows.length, 2, 4),
  };
  const got = await runKernel(device, kernel, operands, {});
  const want = rows.flatMap(([x, y, z, w]) => {
    const hash = pcg4d(x, y, z, w);
    return [...hash, ...new Uint32Array(Float32Array.from(hash, unitInterval).buffer)];
  });
  assertPasses(compareBits(got, Uint32Array.from(want), { label: 'rng' }));
}
