// Shaders with other ids: each id agrees with the others, subgroups stay together, and garbage reaches every type of workgroup
// memory.
// @module-tag sweep
import { expect, test } from 'vitest';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { write } from '../../src/gpu/kernel-spec.ts';
import { examineKernel, runGuarded } from '../../src/testing/check-kernel.ts';
import { withLaneOrder } from '../../src/testing/lane-orders.ts';
import { withPoisonedMemory } from '../../src/testing/poisoned-memory.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';

const devices = new TestDevices();
const OUT = '@group(0) @binding(0) var<storage, read_write> out: array<u32>;';

function kernelOver(source: string, size: number, grid: [number, number, number] = [1, 1, 1]) {
  return defineKernel({ name: 'ids', source, bindings: { out: write.u32(size) }, workgroups: () => grid });
}

test('all ids of a lane are those of one other lane, in three dimensions, by themselves and in a struct', async () => {
  // Each element says once more which ids wrote it: where they disagree, bits differ from those of the given order.
  const body = /* wgsl */ `
    let at = ids.global.x + 6u * ids.global.y + 24u * ids.global.z;
    let linear = ids.local.x + 3u * ids.local.y + 6u * ids.local.z;
    let same = all(ids.global == group * vec3u(3, 2, 2) + ids.local) && linear == index;
    out[at] = select(0u, at + 1u, same);`;
  const source = /* wgsl */ `
    ${OUT}
    struct Ids { @builtin(local_invocation_id) local: vec3u, @builtin(global_invocation_id) global: vec3<u32> }
    const WIDTH = 3u;
    @compute @workgroup_size(WIDTH, 2, 2)
    fn main(ids: Ids, @builtin(local_invocation_index) index: u32, @builtin(workgroup_id) group: vec3u) {${body}}`;
  const report = await examineKernel(
    devices.auto,
    kernelOver(source, 96, [2, 2, 2]),
    {},
    {},
    {
      expect: { out: Array.from({ length: 96 }, (_, i) => i + 1) },
      subgroups: 'own',
    },
  );
  expect(report.faults).toEqual([]);
  expect(report.skipped).toEqual([]);
});

test.each(['reversed', 'scattered'] as const)('lanes %s: another lane has each id', async (order) => {
  // Element i is the lane of the adapter that has id i: a value that no rewritten id can tell.
  const source = `${OUT} var<workgroup> turn: atomic<u32>;
    @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { out[i] = atomicAdd(&turn, 1u); }`;
  const kernel = kernelOver(source, 64);
  const { out: given } = await runGuarded(devices.auto, kernel, {}, {});
  const { out } = await runGuarded(devices.auto, kernel, {}, {}, { lanes: [order] });
  expect([...out!].toSorted((a, b) => a - b)).toEqual([...given!].toSorted((a, b) => a - b));
  expect(out).not.toEqual(given);
  const neighbours = [...out!].slice(1).map((turn, i) => Math.abs(turn - out![i]!));
  if (order === 'scattered') expect(Math.min(...neighbours)).toBeGreaterThan(8);
  if (order === 'reversed') expect(out).toEqual(given!.toReversed());
});

test('subgroups are reversed as wholes, with the lanes that shuffles name', async (context) => {
  if (devices.auto.traits.minSubgroupSize === 0) context.skip('the device has no subgroups');
  const source = /* wgsl */ `
    enable subgroups;
    ${OUT}
    @compute @workgroup_size(32)
    fn main(@builtin(local_invocation_index) i: u32, @builtin(subgroup_invocation_id) lane: u32) {
      let first = subgroupShuffle(i, subgroupShuffle(0u, 1u));
      out[i] = first + 100u * subgroupShuffleXor(i, 1u) + 10000u * subgroupMax(i) + select(0u, 1000000u, i == first + lane);
    }`;
  const report = await examineKernel(devices.auto, kernelOver(source, 32), {}, {}, { expect: { out: null } });
  expect(report.faults).toEqual([]);
  expect(report.numRuns).toBeGreaterThan(3);
  expect(report.skipped).toContainEqual(expect.stringMatching(/lanes scattered: the shader uses subgroups/));
  const { out } = await runGuarded(devices.auto, kernelOver(source, 32), {}, {}, { lanes: ['reversed'] });
  const size = devices.auto.traits.minSubgroupSize;
  expect([...out!]).toEqual(
    Array.from({ length: 32 }, (_, i) => {
      const first = i - (i % size);
      return first + 100 * (i ^ 1) + 10_000 * (first + size - 1) + 1_000_000;
    }),
  );
});

test.each([
  ['subgroupExclusiveAdd(i)', 'the result of ExclusiveAdd in a subgroup may depend on the order of lanes'],
  ['quadBroadcast(i, 0u)', 'the result of quadBroadcast in a subgroup may depend on the order of lanes'],
])('what hangs on the order of lanes is left out, with the reason: %s', (call, skipped) => {
  const wgsl = `@compute @workgroup_size(8) fn main(@builtin(local_invocation_index) i: u32) { let x = ${call}; }`;
  expect(withLaneOrder('k', wgsl, 'reversed')).toEqual({ skipped });
});

test('garbage reaches workgroup memory of every type', async () => {
  const source = /* wgsl */ `
    ${OUT}
    alias Row = array<vec2<f32>, 3>;
    struct Inner { a: atomic<u32>, m: mat2x3f }
    struct Outer { rows: array<Row, 2>, inner: Inner, flag: bool }
    var<workgroup> outer: Outer;
    var<workgroup> number: i32;
    var<workgroup> vectors: array<vec4u, 5>;
    @compute @workgroup_size(4) fn main() {
      out[0] = bitcast<u32>(outer.rows[1][2].y);
      out[1] = atomicLoad(&outer.inner.a);
      out[2] = bitcast<u32>(outer.inner.m[1].z);
      out[3] = u32(outer.flag);
      out[4] = bitcast<u32>(number);
      out[5] = vectors[4].w;
    }`;
  const report = await examineKernel(
    devices.auto,
    kernelOver(source, 6),
    {},
    {},
    {
      expect: { out: new Uint32Array(6) },
      subgroups: 'own',
    },
  );
  expect(report.faults).toEqual([]);
  expect(report.warnings).toMatchObject([{ kind: 'workgroup-memory', numWrong: 6 }]);
});

test('memory of a type that is not understood is left out, with the reason', () => {
  const wgsl = 'var<workgroup> ring: strange<u32>; @compute @workgroup_size(8) fn main() {}';
  expect(withPoisonedMemory('k', wgsl)).toEqual({ skipped: 'the type of ring, strange<u32>, is not understood' });
  expect(withPoisonedMemory('k', '@compute @workgroup_size(8) fn main() {}')).toBeNull();
});
