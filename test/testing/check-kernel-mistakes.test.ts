// Mistakes in calls of checkKernel: one line each, which names the thing, what it got and what it expected.
import { describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read } from '../../src/gpu/kernel-spec.ts';
import { bounds } from '../../src/testing/bounds.ts';
import { checkKernel } from '../../src/testing/check-kernel.ts';
import { TestDevices } from '../support/gpu/test-devices.ts';
import { doubled, kernelOf, transposed } from '../support/testing/stranger-kernels.ts';

const devices = new TestDevices();
const kernel = kernelOf(doubled);
const x = Float32Array.of(1, 2, 3);
const y = [2, 4, 6];
const expected = { expect: { y } };

/** Arguments after the device, as a JavaScript caller may get them wrong. */
const MISTAKES: readonly [mistake: string, args: readonly unknown[], message: string][] = [
  ['no kernel', [{}, { x }, {}, expected], 'kernel is an object, expected what defineKernel makes'],
  [
    'an unknown option',
    [kernel, { x }, {}, { ...expected, repeats: 3 }],
    'key of options of checkKernel is "repeats", expected one of',
  ],
  ['no expectation', [kernel, { x }, {}, {}], 'expected expect or reference: what is right?'],
  [
    'two expectations',
    [kernel, { x }, {}, { ...expected, reference: () => ({ y }) }],
    'expected expect or reference, not both: leave one out',
  ],
  ['no options', [kernel, { x }, {}], 'options of checkKernel'],
  ['a missing operand', [kernel, {}, {}, expected], 'doubled: tensor x is missing'],
  ['an unknown operand', [kernel, { x, z: x }, {}, expected], 'doubled: has no tensor z; it has: x, y'],
  [
    'an array without shape',
    [kernelOf(transposed), { x }, {}, expected],
    'transposed: x is an array without shape, expected { data, shape: [R, C] }',
  ],
  [
    'a shape that the data do not fill',
    [kernel, { x: { data: x, shape: [4] } }, {}, expected],
    'doubled: x has 3 elements, expected 4 for [4]',
  ],
  ['another shape', [kernel, { x, y: { shape: [2] } }, {}, expected], 'doubled: y is [2], expected [N] with N = 3'],
  ['another element type', [kernel, { x: Int32Array.of(1) }, {}, expected], 'doubled: x is i32, expected f32'],
  [
    'an input without data',
    [kernel, { x: { shape: [3] } }, {}, expected],
    'doubled: x is read, but has no data: { data, shape }',
  ],
  ['an unknown scalar', [kernel, { x }, { a: 1 }, expected], 'doubled: has no scalar a; it has: N'],
  ['an expectation of no output', [kernel, { x }, {}, { expect: { x: y } }], 'key of expect is "x", expected one of y'],
  [
    'an output without expectation',
    [kernel, { x }, {}, { expect: {} }],
    'expect.y is undefined, expected right values, or null',
  ],
  [
    'an expectation of another length',
    [kernel, { x }, {}, { expect: { y: [2] } }],
    'elements of expect.y is 1, expected 3 of [3]',
  ],
  ['a bound that is none', [kernel, { x }, {}, { ...expected, bound: 'tight' }], 'bound is "tight", expected a bound'],
  [
    'a bound without its number',
    [kernel, { x }, {}, { ...expected, bound: bounds.sum }],
    'bound is function sum, expected a number ≥ 0',
  ],
  [
    'a bound of sums without their magnitude',
    [kernel, { x }, {}, { ...expected, bound: bounds.sum(3) }],
    'expected { want, magnitude }: bounds.sum needs Σ|terms|',
  ],
  [
    'an unknown variant',
    [kernel, { x }, {}, { ...expected, variants: [{ constants: { LANES: 3 } }] }],
    'doubled: has no constant LANES; it has: none',
  ],
  ['no runs', [kernel, { x }, {}, { ...expected, runs: 0 }], 'runs is 0, expected an integer ≥ 1'],
  [
    'an unknown order of lanes',
    [kernel, { x }, {}, { ...expected, lanes: ['random'] }],
    'lanes is ["random"], expected a list of',
  ],
];

describe('a mistake is one line', () => {
  test.each(MISTAKES)('%s', async (_, args, message) => {
    const error = await Promise.resolve(Reflect.apply(checkKernel, null, [devices.auto, ...args])).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(Error);
    expect(error instanceof Error ? error.message : '').toContain(message);
    expect(error instanceof Error ? error.message.split('\n') : []).toHaveLength(1);
  });

  test('no device, and a closed one', async () => {
    const closed = await Device.open();
    closed.close();
    await expect(checkKernel(closed, kernel, { x }, {}, expected)).rejects.toThrow('the GPU device was lost (closed)');
    await expect(Reflect.apply(checkKernel, null, [null, kernel, { x }, {}, expected])).rejects.toThrow(
      'device is null, expected what openDevice opens',
    );
  });

  test('a kernel that writes nothing', async () => {
    const source = '@group(0) @binding(0) var<storage, read> x: array<f32>; @compute @workgroup_size(1) fn main() {}';
    const silent = defineKernel({ name: 'silent', source, bindings: { x: read('N') }, workgroups: () => [1, 1, 1] });
    await expect(checkKernel(devices.auto, silent, { x }, {}, expected)).rejects.toThrow(
      'silent: writes no tensor: there is nothing to check',
    );
  });
});
