import type { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { pcg4d } from '../../src/util/rng.ts';
import { expectSameBits } from './expect-within.ts';
import { operand } from './guarded-tensor.ts';
import { runKernel } from './run-kernel.ts';

/** All four words of the hash; the sampler uses the first alone. */
export const pcg4dKernel = defineKernel({
  name: 'pcg4d',
  source: `
import package::rng::pcg4d;
@group(0) @binding(0) var<storage, read> words: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> hashes: array<vec4u>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) workgroup: vec3u) { hashes[workgroup.x] = pcg4d(words[workgroup.x]); }`,
  bindings: { words: read.u32('N', 4), hashes: write.u32('N', 4) },
  params: {},
  workgroups: ({ N = 0 }) => [N, 1, 1],
  cost: ({ N = 0 }) => ({ bytes: 32 * N, flops: 0 }),
});

/** Expects the words of src/util/rng.ts. */
export async function checkHashes(device: Device, kernel = pcg4dKernel): Promise<void> {
  const rows = [
    [0, 0, 0, 0],
    [1, 2, 3, 4],
    [0xffffffff, 0x80000000, 77, 0xdeadbeef],
  ] as const;
  const operands = {
    words: operand(Uint32Array.from(rows.flat()), rows.length, 4),
    hashes: operand(new Uint32Array(4 * rows.length), rows.length, 4),
  };
  const got = await runKernel(device, kernel, operands, {});
  expectSameBits(got, Uint32Array.from(rows.flatMap(([x, y, z, w]) => pcg4d(x, y, z, w))), 'pcg4d');
}
