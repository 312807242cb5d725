// What checkKernel finds in a stranger's kernel with its defaults: a table of planted faults, and nothing in the right forms of the
// same kernels.
// @module-tag sweep
import { describe, expect, type TestContext, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts';
import type { KernelSpec } from '../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { checkKernel, examineKernel } from '../../src/testing/check-kernel.ts';
import type { CheckOptions } from '../../src/testing/check-options.ts';
import type { FaultKind } from '../../src/testing/check-report.ts';
import { uniform } from '../../src/util/rng.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';
import * as strangers from '../support/testing/stranger-kernels.ts';

const { examine, kernelOf, STRANGERS } = strangers;
const devices = new TestDevices();

/** A fault: the kernel, its change, and the kind and the words of what is found. */
interface Planted {
  readonly fault: string;
  readonly of: strangers.Stranger;
  readonly kernel: () => Kernel;
  /** Where it is not that of the stranger. */
  readonly options?: CheckOptions;
  readonly kind: FaultKind;
  readonly message: RegExp;
}

/** `rotated` in blocks of 8. */
const rotatedBy8 = {
  ...strangers.rotated.spec,
  name: 'rotatedBy8',
  source: (strangers.rotated.spec.source ?? '')
    .replace('@workgroup_size(64)', '@workgroup_size(8)')
    .replace('array<f32, 64>', 'array<f32, 8>')
    .replace('(lane + 1u) % 64u', '(lane + 1u) % 8u'),
  workgroups: ({ N = 0 }) => [Math.ceil(N / 8), 1, 1],
} satisfies KernelSpec;

const change = (of: strangers.Stranger, from: string, to: string) => () => kernelOf(of, [from, to]);

const PLANTED: readonly Planted[] = [
  {
    fault: 'a missing check of bounds',
    of: strangers.doubled,
    kernel: change(strangers.doubled, 'if (i >= params.N) { return; }', ''),
    kind: 'guard',
    message: /^doubled: word 0 after the end of y was overwritten/,
  },
  {
    fault: 'a grid that is rounded down',
    of: strangers.doubled,
    kernel: () => defineKernel({ ...strangers.doubled.spec, workgroups: ({ N = 0 }) => [Math.floor(N / 64), 1, 1] }),
    kind: 'unwritten',
    message: /^doubled: y\[64\] of \[100\] was never written, .* \(36 of 100 elements\): does the grid cover/,
  },
  {
    fault: 'a wrong stride',
    of: strangers.transposed,
    kernel: change(strangers.transposed, 'y[out.y * params.R + out.x]', 'y[out.y * params.C + out.x]'),
    kind: 'unwritten',
    message: /^transposed: y\[\d+, \d+\] of \[9, 4\]/,
  },
  {
    fault: 'a barrier that is missing before a later lane writes',
    of: strangers.rotated,
    kernel: change(strangers.rotated, 'workgroupBarrier();', ''),
    kind: 'lanes',
    message: /the order of lanes decides: a race/,
  },
  {
    fault: 'a barrier that is missing after an earlier lane reads',
    of: strangers.rotated,
    kernel: () => kernelOf(strangers.rotated, ['workgroupBarrier();', ''], ['(lane + 1u) % 64u', 'max(lane, 1u) - 1u']),
    kind: 'lanes',
    message: /lanes reversed.*the order of lanes decides: a race/,
  },
  {
    fault: 'no barriers inside a subgroup',
    of: strangers.rowSums,
    kernel: change(
      strangers.rowSums,
      '          workgroupBarrier();\n',
      '          if (width > 4u) { workgroupBarrier(); }\n',
    ),
    kind: 'lanes',
    message: /lanes scattered.*the order of lanes decides: a race/,
  },
  {
    fault: 'no barrier in a workgroup that is one subgroup here, but not everywhere',
    of: strangers.rotated,
    options: { reference: ({ x }) => ({ y: x!.map((_, i) => x![i - (i % 8) + ((i + 1) % 8)] ?? 0) }) },
    kernel: () => defineKernel({ ...rotatedBy8, source: rotatedBy8.source.replace('workgroupBarrier();', '') }),
    kind: 'wrong',
    message: /^rotatedBy8, subgroups of 4: y\[3\]/,
  },
  {
    fault: 'an element that no lane writes',
    of: strangers.doubled,
    kernel: change(strangers.doubled, 'i >= params.N', 'i >= params.N || i == 17u'),
    kind: 'unwritten',
    message: /^doubled: y\[17\] of \[100\] was never written, expected .* \(1 of 100 elements\)/,
  },
  {
    fault: 'NaN that max hides',
    of: strangers.relu,
    kernel: change(strangers.relu, 'select(x[i], 0.0, x[i] < 0.0)', 'max(x[i], 0.0)'),
    kind: 'not-finite',
    message: /^relu, a NaN in x: .* expected NaN .*: NaN has vanished, as it does in max/,
  },
  {
    fault: 'an off-by-one in a mask',
    of: strangers.causalSums,
    kernel: change(strangers.causalSums, 's <= t', 's < t'),
    kind: 'wrong',
    message: /^causalSums: y\[\d+\] of \[11\] is .* times the bound/,
  },
  {
    fault: 'a read beyond a row',
    of: strangers.rowSums,
    kernel: change(strangers.rowSums, 'c < params.C', 'c <= params.C'),
    kind: 'not-finite',
    message: /^rowSums: y\[4\] of \[5\] is NaN/,
  },
  {
    fault: 'a sum of f16 that overflows',
    of: strangers.halfSquares,
    options: { ...strangers.halfSquares.options, bound: { rel: 0.01 } },
    kernel: change(strangers.halfSquares, 'dot(vec2<f32>(pair), vec2<f32>(pair))', 'f32(dot(pair, pair))'),
    kind: 'not-finite',
    message: /^halfSquares, outliers \(× 1000\) in x: y\[\d+\] of \[3\] is Infinity/,
  },
];

/** A device for a stranger's kernel; skips where it lacks a feature. */
function deviceFor({ spec: { requires = [] } }: strangers.Stranger, context: TestContext): Device {
  const missing = requires.find((feature) => !devices.auto.gpu.features.has(feature));
  if (missing !== undefined) context.skip(`the device has no ${missing}`);
  return devices.auto;
}

describe('with its defaults, checkKernel finds', () => {
  test.for(PLANTED)('$fault', async ({ of, kernel, kind, message, options = of.options }, context) => {
    const report = await examine(deviceFor(of, context), { ...of, options }, kernel());
    const found = report.faults.filter((fault) => fault.kind === kind);
    expect(found.map((fault) => fault.message).join('\n'), String(report)).toMatch(message);
  });

  test('a fractional grid, which WebGPU would cut off', async () => {
    const kernel = defineKernel({ ...strangers.doubled.spec, workgroups: ({ N = 0 }) => [N / 64, 1, 1] });
    const message = 'doubled: workgroups x is 1.5625 of [1.5625, 1, 1], expected a whole number';
    await expect(examine(devices.auto, strangers.doubled, kernel)).rejects.toThrow(message);
  });

  test('operands that are views of one buffer, or of one array', async () => {
    const kernel = kernelOf(strangers.doubled);
    using x = Tensor.create(devices.auto, 'x', 'f32', [100]);
    const { options } = strangers.doubled;
    const message = 'doubled: x and y are the same buffer and one of them is written';
    await expect(examineKernel(devices.auto, kernel, { x, y: x.view([100]) }, {}, options)).rejects.toThrow(message);
    const memory = new Float32Array(150);
    const shared = { x: memory.subarray(0, 100), y: memory.subarray(50, 150) };
    await expect(examineKernel(devices.auto, kernel, shared, {}, options)).rejects.toThrow(
      'doubled: x and y overlap in memory and one of them is written',
    );
  });

  test('workgroup memory that is read before it is written, as a warning', async () => {
    const kernel = kernelOf(strangers.rotated, ['block[lane] = 0.0;', '']);
    const report = await examine(devices.auto, strangers.rotated, kernel);
    expect(report.faults).toEqual([]);
    const { kind, output, index, message } = report.warnings[0]!;
    expect({ kind, output, index }).toEqual({ kind: 'workgroup-memory', output: 'y', index: [99] });
    expect(message).toMatch(/reads workgroup memory that it has not written/);
    const strict = { ...strangers.rotated.options, workgroupMemory: 'fault' } as const;
    const operands = strangers.operandsOf(strangers.rotated, 100);
    await expect(checkKernel(devices.auto, kernel, operands, {}, strict)).rejects.toThrow('has not written');
  });
});

describe('in right kernels it finds nothing', () => {
  test.for(STRANGERS)('$name', async (stranger, context) => {
    const device = deviceFor(stranger, context);
    const report = await examine(device, stranger, kernelOf(stranger));
    expect(`${report}`).toMatch(/: right \(1 variant, \d+ runs\)/);
    expect([report.faults, report.warnings]).toEqual([[], []]);
  });

  const draws = [
    { shapes: 40, tags: [] },
    { shapes: 1000, tags: ['slow'] },
  ];
  for (const { shapes, tags } of draws)
    test(`of ${shapes} random shapes`, { tags }, async (context) => {
      const usable = STRANGERS.filter(({ spec: { requires = [] } }) =>
        requires.every((f) => devices.auto.gpu.features.has(f)),
      );
      const kernels = usable.map((stranger) => ({ stranger, kernel: kernelOf(stranger) }));
      for (let i = 0; i < shapes; i++) {
        const { stranger, kernel } = kernels[i % kernels.length]!;
        const size = 1 + Math.floor(400 * uniform(3, i, 0) ** 2);
        const report = await examine(devices.auto, stranger, kernel, size);
        expect([report.faults, report.warnings], `${stranger.name} of size ${size}: ${report}`).toEqual([[], []]);
      }
      if (usable.length < STRANGERS.length) context.annotate('without the kernels whose features the device lacks');
    });
});
