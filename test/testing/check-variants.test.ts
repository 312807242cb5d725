// Variants, places and options of checkKernel, each shown by a kernel that it decides about.
// @module-tag sweep
import { describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { type KernelSpec, read, write } from '../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { packWeight } from '../../src/kernels/weights/pack-weight.ts';
import { bounds } from '../../src/testing/bounds.ts';
import { checkKernel, examineKernel, runGuarded } from '../../src/testing/check-kernel.ts';
import type { CheckOptions } from '../../src/testing/check-options.ts';
import { normals } from '../../src/util/random-values.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';

const devices = new TestDevices();

/** sum[1] of x[N], from the first or, where DOWN, from the last; with PARTS = 2 the halves first. */
const sum = defineKernel({
  name: 'sum',
  source: /* wgsl */ `
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(1) fn main() {
      var total = 0.0;
      for (var part = 0u; part < constants::PARTS; part++) {
        var sum = 0.0;
        for (var i = part; i < params.N; i += constants::PARTS) { sum += x[i]; }
        total += sum;
      }
      @if(NEGATED) total = -total;
      y[0] = total;
    }`,
  bindings: { x: read('N'), y: write(1) },
  params: { N: 'u32' },
  conditions: () => ({ NEGATED: false }),
  constants: () => ({ PARTS: 1 }),
  tunables: { PARTS: [1, 2] },
  workgroups: () => [1, 1, 1],
});

const x = normals(1, 1000);
const total = x.reduce((all, value) => all + value, 0);
const options: CheckOptions<typeof sum.spec> = {
  expect: { y: { want: [total], magnitude: [x.reduce((all, value) => all + Math.abs(value), 0)] } },
  bound: bounds.sum(1000),
  subgroups: 'own',
};

describe('variants', () => {
  test('of other bits are a fault, whatever the bound, unless the declaration says that they sum in other orders', async () => {
    const { faults, variants } = await examineKernel(devices.auto, sum, { x }, {}, options);
    expect(variants).toEqual(['sum[PARTS=1]', 'sum[PARTS=2]']);
    expect(faults).toMatchObject([{ kind: 'variant', variant: 'sum[PARTS=2]', output: 'y', index: [0], numWrong: 1 }]);
    expect(faults[0]!.message).toMatch(/other bits than .* declares bits: 'runs'/);
    const declared = defineKernel({ ...sum.spec, bits: 'runs' });
    expect((await examineKernel(devices.auto, declared, { x }, {}, options)).faults).toEqual([]);
  });

  test('are the base variant alone, or those asked for, with what they share', async () => {
    const labels = async (more: CheckOptions<typeof sum.spec>) =>
      (await examineKernel(devices.auto, sum, { x }, {}, { ...options, ...more })).variants;
    expect(await labels({ variants: 'base' })).toEqual(['sum[PARTS=1]']);
    expect(await labels({ variants: [{ constants: { PARTS: 2 } }] })).toEqual(['sum[PARTS=1]', 'sum[PARTS=2]']);
    const negated = { conditions: { NEGATED: true } };
    const expectation = { y: { want: [-total], tolerance: [0.01] } };
    expect(await labels({ variants: 'base', choice: negated, expect: expectation })).toEqual(['sum[NEGATED PARTS=1]']);
  });

  test('that do not compile are a fault of theirs; a base variant throws with its line', async () => {
    const source = (sum.spec.source ?? '').replace('y[0] = total;', '@if(NEGATED) nonsense(); y[0] = total;');
    const tunable: KernelSpec = { ...sum.spec, source, conditions: () => ({ NEGATED: false }) };
    const report = await examineKernel(
      devices.auto,
      defineKernel(tunable),
      { x },
      {},
      {
        ...options,
        variants: [{ constants: { PARTS: 1 } }],
      },
    );
    expect(report.faults).toEqual([]);
    const broken = defineKernel({ ...tunable, source: source.replace('@if(NEGATED) nonsense', 'nonsense') });
    await expect(checkKernel(devices.auto, broken, { x }, {}, options)).rejects.toThrow(/sum: source:\d+:\d+: /);
  });
});

test('where runs differ by nature, bits are not compared, and values are', async () => {
  const order: KernelSpec = {
    name: 'order',
    source: `@group(0) @binding(0) var<storage, read_write> places: array<u32>;
      @group(0) @binding(1) var<storage, read_write> next: atomic<u32>;
      @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { places[i] = atomicAdd(&next, 1u); }`,
    bindings: { places: write.u32(64), next: write.u32(1) },
    workgroups: () => [1, 1, 1],
  };
  const operands = { next: new Uint32Array(1) };
  const check = { expect: { places: null, next: [64] }, subgroups: 'own' } as const;
  const { faults } = await examineKernel(devices.auto, defineKernel(order), operands, {}, check);
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(['lanes']));
  const declared = defineKernel({ ...order, bits: 'none' });
  expect((await examineKernel(devices.auto, declared, operands, {}, check)).faults).toEqual([]);
  const wrong = { ...check, expect: { places: null, next: [65] } };
  expect((await examineKernel(devices.auto, declared, operands, {}, wrong)).faults).toMatchObject([
    { kind: 'wrong', output: 'next', got: 64, want: 65 },
    { kind: 'wrong', circumstance: 'lanes reversed' },
    { kind: 'wrong', circumstance: 'lanes scattered' },
  ]);
});

test('a kernel runs on other adapters too, and one that is not there is told', async () => {
  const [name = ''] = devices.auto.identity.name.split(' ');
  const adapters = { ...options, variants: 'base', adapters: [name, 'no such'] } as const;
  const report = await examineKernel(devices.auto, sum, { x }, {}, adapters);
  expect(report.faults).toEqual([]);
  expect(report.skipped).toEqual([expect.stringMatching(/^no such: .*no adapter named like "no such"; there are: /)]);
  const alone = await examineKernel(devices.auto, sum, { x }, {}, { ...options, variants: 'base' });
  expect(report.numRuns).toBeGreaterThan(alone.numRuns);
});

describe('inputs', () => {
  const reference: CheckOptions['reference'] = ({ x = [] }) => ({
    y: [Array.from(x).reduce((all, value) => all + Math.max(value, 0), 0)],
  });
  const source = (sum.spec.source ?? '').replace('sum += x[i];', 'sum += max(x[i], 0.0);');
  const hides = defineKernel({ ...sum.spec, source });
  const check = { reference, bound: { rel: 1e-3 }, variants: 'base', subgroups: 'own' } as const;

  test('are those given, all others, or some', async () => {
    const circumstances = async (inputs: CheckOptions['inputs'] & {}) =>
      (await examineKernel(devices.auto, hides, { x }, {}, { ...check, inputs })).faults.map((f) => f.circumstance);
    expect(await circumstances('given')).toEqual([]);
    expect(await circumstances('auto')).toEqual(['a NaN in x']);
    expect(await circumstances(['outliers', 'constant-rows'])).toEqual([]);
    expect(await circumstances(['nan'])).toEqual(['a NaN in x']);
  });

  test('for which the reference has no answer are left out', async () => {
    const refuses: CheckOptions['reference'] = (data, dims) => {
      if (Array.from(data.x ?? []).some(Number.isNaN)) throw new RangeError('no NaN');
      return reference(data, dims);
    };
    const report = await examineKernel(devices.auto, hides, { x }, {}, { ...check, reference: refuses });
    expect(report.faults).toEqual([]);
    expect(report.skipped).toEqual(['a NaN in x: the reference throws no NaN']);
  });
});

describe('operands', () => {
  test('that are on the device stay there where they are read alone, and views are views', async () => {
    using weights = packWeight(devices.auto, 'w', normals(2, 32 * 48), [32, 48]);
    using rows = Tensor.from(devices.auto, 'x', normals(3, 5 * 32), [5, 32]);
    using bias = Tensor.create(devices.auto, 'bias', 'f32', [48]);
    const live = devices.auto.liveBuffers;
    const inputs = { x: rows.view([4, 32]), w: weights, bias };
    const { out } = await runGuarded(devices.auto, matmul, { ...inputs, out: { shape: [4, 48] } }, {}, { runs: 2 });
    using want = Tensor.create(devices.auto, 'out', 'f32', [4, 48]);
    await matmul.run(devices.auto, { ...inputs, out: want }, {});
    expect(out).toEqual(await want.read());
    want.close();
    expect(devices.auto.liveBuffers).toBe(live);
  });

  test('of which one is closed are refused', async () => {
    const closed = Tensor.from(devices.auto, 'x', x);
    closed.close();
    await expect(checkKernel(devices.auto, sum, { x: closed }, {}, options)).rejects.toThrow('closed');
  });
});

test('processes end with the device', async () => {
  const device = await Device.open();
  const report = await examineKernel(device, sum, { x }, {}, { ...options, subgroups: 'all', variants: 'base' });
  expect(report.passes).toBe(true);
  device.close();
  await expect(checkKernel(device, sum, { x }, {}, options)).rejects.toThrow('closed');
});
