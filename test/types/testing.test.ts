// Read by `tsc`, not run: types of the entry points for tests of kernels. Each expected error must be one, and nothing else may be.
import { expect, expectTypeOf, test } from 'vitest';
import { type Device, defineKernel, type layernorm, read, write } from '../../src/kernels/index.ts';
import * as reference from '../../src/reference/index.ts';
import {
  adversarial,
  bounds,
  type Comparison,
  checkKernel,
  compareBits,
  compareWithin,
  type MutantReport,
  mutants,
  mutantTexts,
  random,
} from '../../src/testing/index.ts';
import '../../src/testing/vitest.ts';

const x = Float32Array.of(1);
const copy = defineKernel({ name: 'copy', bindings: { x: read('N'), y: write('N') }, workgroups: () => [1, 1, 1] });

test('inputs have the type of their elements', () => {
  expectTypeOf(random).toBeCallableWith([2, 3], { seed: 1, distribution: 'constant rows', scale: 2 });
  expectTypeOf(random(2)).toEqualTypeOf<Float32Array>();
  expectTypeOf(random.i32(2)).toEqualTypeOf<Int32Array>();
  expectTypeOf(adversarial.u32([2]).map(({ data }) => data)).toEqualTypeOf<Uint32Array[]>();
  expectTypeOf(adversarial([2]).map(({ name }) => name)).toEqualTypeOf<string[]>();
  void (() => [
    // @ts-expect-error: no such distribution
    random(2, { distribution: 'gauss' }),
    // @ts-expect-error: floats have no range
    random(2, { below: 3 }),
    // @ts-expect-error: sizes are one argument
    random(2, 3),
    // @ts-expect-error: integers have no distribution
    random.u32(2, { distribution: 'normal' }),
    // @ts-expect-error: names come in a list
    adversarial(2, { also: 'NaN' }),
  ]);
});

test('a comparison takes arrays and each form of a bound', () => {
  expectTypeOf(compareWithin(x, [1], 0)).toEqualTypeOf<Comparison>();
  void (() => [
    compareWithin([1], Float64Array.of(1), [0.5], { label: 'x', shape: [1], nan: true, magnitude: [1] }),
    compareWithin(x, x, bounds.sum(3)),
    compareWithin(x, x, { abs: 1, rel: 2 }),
    compareBits(x, x, { shape: [1] }),
    // @ts-expect-error: no bound
    compareWithin(x, x),
    // @ts-expect-error: bounds has functions
    compareWithin(x, x, bounds.ulps),
    // @ts-expect-error: there is no ulps
    compareWithin(x, x, { ulps: 1 }),
    // @ts-expect-error: a list has no bits
    compareBits([1], x),
    // @ts-expect-error: bits have no bound
    compareBits(x, x, { nan: true }),
  ]);
});

test('a matcher takes what its comparison does', () => {
  void (() => [
    expect(x).toEqualBits(x, { label: 'x' }),
    expect(x).not.toBeWithin([2], bounds.ulps(1)),
    // @ts-expect-error: no bound
    expect(x).toBeWithin([1]),
    // @ts-expect-error: a list has no bits
    expect(x).toEqualBits([1]),
  ]);
  const settled = () => expect(Promise.resolve(x)).resolves.toBeWithin([1], 0);
  expectTypeOf(settled).returns.toEqualTypeOf<Promise<void>>();
});

test('a judge gets kernels of the declaration under test', () => {
  void (() => [
    mutants(copy, { judge: (kernel) => expectTypeOf(kernel).toEqualTypeOf<typeof copy>() }),
    mutants(copy, { judge: async () => false, seed: 1, count: 2, timeout: 3 }),
    // @ts-expect-error: no judge
    mutants(copy, { seed: 1 }),
    // @ts-expect-error: a spec is no kernel
    mutants(copy.spec, { judge: () => true }),
    // @ts-expect-error: a judge of another kernel
    mutants(copy, { judge: (kernel: typeof layernorm) => kernel.name }),
    // @ts-expect-error: texts have names
    mutantTexts('fn main() {}'),
  ]);
  expectTypeOf(mutants<typeof copy.spec>).returns.toEqualTypeOf<Promise<MutantReport>>();
});

test('a reference names the operands that it takes', () => {
  void ((device: Device) => [
    checkKernel(device, copy, { x }, {}, { reference: ({ x }: { x: Float32Array }) => ({ y: x.map((a) => 2 * a) }) }),
    checkKernel(device, copy, { x }, {}, { reference: (data) => ({ y: data.x ?? null }), bound: bounds.exact }),
    // @ts-expect-error: no operand of text
    checkKernel(device, copy, { x }, {}, { reference: ({ x }: { x: string }) => ({ y: x }) }),
    // @ts-expect-error: there is no operand z
    checkKernel(device, copy, { z: x }, {}, { expect: { y: x } }),
  ]);
});

test('an oracle takes float64 and the sizes that it names', () => {
  const d = Float64Array.of(1);
  expectTypeOf(reference.matmul(d, d, undefined, { M: 1, K: 1, N: 1 })).toEqualTypeOf<Float64Array>();
  void (() => [
    // @ts-expect-error: K is missing
    reference.matmul(d, d, undefined, { M: 1, N: 1 }),
    // @ts-expect-error: plain numbers
    reference.softmax([1, 2]),
    // @ts-expect-error: a filter is missing
    reference.processLogits(d, { temperature: 1, topK: 0, topP: 1 }),
    // @ts-expect-error: another activation
    new reference.ReferenceGPT2({ activation: 'silu' }, () => d),
    // @ts-expect-error: weights come from a function
    new reference.ReferenceLlama({} as reference.ReferenceLlamaConfig, new Map()),
  ]);
});
