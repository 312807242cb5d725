// Comparison of kernels and programs by time: what is compared before it is timed, what the ratios are, and who is refused. No test
// asserts a duration.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { defineKernel } from '../../src/gpu/kernel.ts';
import { read, write } from '../../src/gpu/kernel-spec.ts';
import { Program } from '../../src/gpu/program.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { bounds } from '../../src/testing/bounds.ts';
import { compare, formatComparison, ratioOf, verdictOf } from '../../src/timing/compare.ts';
import { ordersOf } from '../../src/timing/contest.ts';
import { OutputMismatchError } from '../../src/timing/outputs.ts';
import { Sampler } from '../../src/timing/sampler.ts';
import { time, timeProgram } from '../../src/timing/time.ts';

/** y[N] from x[N] by an expression of `v` = x[i]. */
function mapping(expression: string, name = 'map') {
  return defineKernel({
    name,
    source: `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
override LANES: u32;
@compute @workgroup_size(LANES) fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= params.N) { return; }
  let v = x[i];
  ${expression}
}`,
    bindings: { x: read('N'), y: write('N') },
    params: { N: 'u32' },
    overrides: () => ({ LANES: 64 }),
    tunables: { LANES: [8, 64] },
    workgroups: ({ N }, { overrides: { LANES } }) => [Math.ceil(N / LANES), 1, 1],
    cost: ({ N }) => ({ bytes: 8 * N, flops: N }),
  });
}

const N = 100;
const double = mapping('y[i] = 2 * v;', 'double');
const sum = mapping('y[i] = v + v;', 'sum');
const nearly = mapping('y[i] = 2.000001 * v;', 'nearly');

describe.each(['auto', 'base'] as const)('on a device with %s features', (features) => {
  let device: Device;
  let x: Tensor;
  let y: Tensor;
  let other: Tensor;
  beforeAll(async () => {
    device = await Device.open({ features });
    x = Tensor.from(
      device,
      'x',
      Float32Array.from({ length: N }, (_, i) => i + 1),
    );
    y = Tensor.create(device, 'y', 'f32', [N]);
    other = Tensor.create(device, 'other', 'f32', [N]);
  });
  afterAll(() => device.close());
  const on = (kernel: typeof double, y_ = y) => ({ kernel, tensors: { x, y: y_ }, scalars: {} });
  const quick = { rounds: 2, warmUps: 0 };

  test('kernels, variants and programs are compared, as JSON holds all of it, and nothing is left on the device', async () => {
    const recorder = new Recorder(device);
    recorder.add(double, { x, y: other }, {});
    using program = await recorder.finish('recorded');
    const before = device.liveBuffers;
    const comparison = await compare(
      device,
      [
        on(double),
        { ...on(double), name: 'narrow', choice: { overrides: { LANES: 8 } } },
        on(sum, other),
        { program, outputs: { y: other } },
      ],
      { rounds: 6, warmUps: 1, seed: 3, roofline: { gigabytes: 1, gigawords: 1, gflops: 1, launch: 1 } },
    );
    expect(device.liveBuffers).toBe(before);
    expect(JSON.parse(JSON.stringify(comparison))).toEqual(comparison);
    const { contestants, ...head } = comparison;
    expect(head).toEqual({ schema: 'roseinfer-comparison-1', device: device.identity, rounds: 6, seed: 3 });
    expect(contestants.map(({ name }) => name)).toEqual(['double[LANES=64]', 'narrow', 'sum[LANES=64]', 'recorded']);
    const [first, ...others] = contestants;
    expect(first!.toFirst).toBeNull();
    for (const { samples, toFirst, gigabytes, milliseconds, limiter, mode } of others) {
      expect(samples.length).toBe(6);
      expect(toFirst).toEqual(ratioOf(samples, first!.samples));
      expect(gigabytes).toBeCloseTo((8 * N * 1e-6) / milliseconds.median, 9);
      expect(limiter?.kind).toBe('launch');
      expect(mode).toBe('row');
    }
    expect(formatComparison(comparison).split('\n')[1]).toMatch(
      /^narrow: \S+ ms, [\d.]+ × first \([\d.]+ to [\d.]+\), (faster|slower|same); limited by launch, [\d.]+ % of the adapter's best$/,
    );
    expect(await other.readF32()).toEqual((await x.readF32()).map((value) => 2 * value));
  });

  test('a contestant that computes something else is named before anything is timed', async () => {
    const created = vi.spyOn(Sampler, 'create');
    const error = await compare(device, [on(double), on(nearly)], quick).catch((reason: unknown) => reason);
    expect(created).not.toHaveBeenCalled();
    created.mockRestore();
    expect(error).toBeInstanceOf(OutputMismatchError);
    expect(error).toMatchObject({
      work: 'nearly[LANES=64]',
      output: 'y',
      index: 0,
      got: Math.fround(2.000001),
      want: 2,
      numWrong: N,
      message: `nearly[LANES=64]: y: element 0 of ${N} is ${Math.fround(2.000001)}, expected 2 of double[LANES=64]; ${N} differ`,
    });
  });

  test.each([
    ['a number', 1e-3],
    ['a function of the element', (i: number) => 2e-6 * (i + 1)],
    ['a bound by the value', bounds.relative(1e-6)],
  ])('within %s a difference is right, and beyond it is not', async (_, bound) => {
    await compare(device, [on(double), on(nearly)], { ...quick, bound });
    const worse = mapping('y[i] = select(2.000001 * v, 0, i == 50);', 'worse');
    await expect(compare(device, [on(double), on(worse)], { ...quick, bound })).rejects.toThrow(
      /^worse\[LANES=64\]: y: element 50 of 100 is 0, expected 102 ± \S+ of double\[LANES=64\]; 1 differ$/,
    );
  });

  test.each([
    ['leaves an element unwritten', 'if (i != 7) { y[i] = 2 * v; }', 'element 7 of 100 is NaN, expected 16 of'],
    [
      'is off by the last bit',
      'y[i] = bitcast<f32>(bitcast<u32>(2 * v) + u32(i == 3));',
      `element 3 of 100 is ${8 + 2 ** -20}, expected 8 of`,
    ],
  ])('a contestant that %s is found, though the output held the right numbers', async (_, expression, message) => {
    await double.run(device, { x, y }, {});
    await expect(compare(device, [on(double), on(mapping(expression))], quick)).rejects.toThrow(message);
  });

  test('work in place starts from what its tensors hold, and needs to say so', async () => {
    const grow = mapping('y[i] += v;', 'grow');
    const twice = mapping('y[i] += 2 * v;', 'twice');
    y.write(new Float32Array(N).fill(1));
    await expect(compare(device, [on(grow), on(twice)], quick)).rejects.toThrow(
      /^grow\[LANES=64\]: y holds nothing but NaN .*: work that changes it in place needs start: 'kept'$/,
    );
    y.write(new Float32Array(N).fill(1));
    await expect(compare(device, [on(grow), on(twice)], { ...quick, start: 'kept' })).rejects.toThrow(
      'element 0 of 100 is 3, expected 2 of grow',
    );
    // It is as it was: nothing was timed.
    expect(await y.readF32()).toEqual(new Float32Array(N).fill(1));
    await compare(device, [on(grow), { ...on(grow), name: 'again' }], { ...quick, start: 'kept' });
  });

  test('each in a pass of its own, and by a reason that ends it', async () => {
    const { contestants } = await compare(device, [on(double), on(sum)], { ...quick, mode: 'alone' });
    expect(contestants[1]!.mode).toBe(device.traits.timestamps ? 'alone' : 'row');
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(compare(device, [on(double), on(sum)], { ...quick, signal })).rejects.toThrow('enough');
  });

  test('time compares outputs with what is expected first, of kernels and programs', async () => {
    const want = (await x.readF32()).map((value) => 2 * value);
    const timing = await time(device, double, { x, y }, {}, { runs: 2, expect: { y: want }, name: 'mine' });
    expect(timing).toMatchObject({ name: 'mine', label: 'double[LANES=64]', runs: 2, limiter: null });
    await expect(time(device, nearly, { x, y }, {}, { expect: { y: want } })).rejects.toThrow(
      `nearly[LANES=64]: y: element 0 of 100 is ${Math.fround(2.000001)}, expected 2; 100 differ`,
    );
    await time(device, nearly, { x, y }, {}, { runs: 1, expect: { y: [...want] }, bound: 1e-3 });
    const recorder = new Recorder(device);
    recorder.add(double, { x, y }, {}).add(double, { x: y, y: other }, {});
    using program = await recorder.finish('two');
    const four = want.map((value) => 2 * value);
    const options = { runs: 3, outputs: { z: other }, expect: { z: four } };
    const { label, runs, gigabytes, milliseconds } = await timeProgram(device, program, options);
    expect([label, runs]).toEqual(['two', 3]);
    expect(gigabytes).toBeCloseTo((2 * 8 * N * 1e-6) / milliseconds.median, 9);
    await expect(timeProgram(device, program, { ...options, expect: { z: want } })).rejects.toThrow(
      'two: z: element 0 of 100 is 4, expected 2; 100 differ',
    );
  });

  test.each<[string, (made: typeof quick) => Promise<unknown>, RegExp]>([
    ['no contestants', (o) => compare(device, [], o), /^contestants is \[\], expected a list of kernels and programs$/],
    [
      'two of one name',
      (o) => compare(device, [on(double), on(double)], o),
      /^name of contestant 1 is "double\[LANES=64\]", expected another than that of one before it$/,
    ],
    [
      'a kernel by itself',
      (o) => Reflect.apply(compare, null, [device, [double], o]),
      /^key of contestant 0 is "spec", expected one of name, kernel, /,
    ],
    [
      'a shader for a kernel',
      (o) => Reflect.apply(compare, null, [device, [{ ...on(double), kernel: 'double' }], o]),
      /^kernel of contestant 0 is "double", expected a kernel \(a recorded program: \{ program \}, timeProgram\)$/,
    ],
    [
      'a misspelt key',
      (o) => Reflect.apply(compare, null, [device, [{ ...on(double), choise: {} }], o]),
      /^key of contestant 0 is "choise".*did you mean "choice"/,
    ],
    [
      'dispatches for a program',
      (o) => Reflect.apply(compare, null, [device, [{ program: [] }], o]),
      /^program of contestant 0 is \[\], expected what Recorder.finish made$/,
    ],
    [
      'outputs that are names',
      (o) => Reflect.apply(compare, null, [device, [{ ...on(double), outputs: ['y'] }], o]),
      /^outputs of contestant 0 is \["y"\], expected tensors by name$/,
    ],
    [
      'outputs of other names',
      (o) => compare(device, [on(double), { ...on(sum), outputs: { out: y } }], o),
      /^outputs of sum\[LANES=64\] is "out", expected y, as those of double\[LANES=64\]; outputs: \{ name: tensor \} names them$/,
    ],
    [
      'outputs of another size',
      (o) => compare(device, [on(double), { ...on(sum), outputs: { y: y.prefix([3]) } }], o),
      /^output y of sum\[LANES=64\] is "f32\[3\]", expected f32\[100\], as of double/,
    ],
    [
      'shapes that the kernel refuses',
      (o) => compare(device, [{ ...on(double), tensors: { x, y: y.prefix([3]) } }], o),
      /^double: y is \[3\], expected \[N\]/,
    ],
    [
      'a bound below 0',
      (o) => compare(device, [on(double)], { ...o, bound: -1 }),
      /^bound is -1, expected 'bits', a number ≥ 0/,
    ],
    [
      'a bound of nothing',
      (o) => compare(device, [on(double), on(nearly)], { ...o, bound: () => Number.NaN }),
      /^bound of y\[0\] is NaN, expected a number ≥ 0$/,
    ],
    [
      'an unknown option',
      (o) => Reflect.apply(compare, null, [device, [on(double)], { ...o, round: 1 }]),
      /^key of options of compare is "round".*did you mean "rounds"/,
    ],
    ['no rounds', () => compare(device, [on(double)], { rounds: 0 }), /^rounds is 0, expected an integer ≥ 1$/],
    [
      'an unknown mode',
      (o) => Reflect.apply(compare, null, [device, [on(double)], { ...o, mode: 'fast' }]),
      /^mode is "fast", expected one of row, alone$/,
    ],
    [
      'half a roofline',
      (o) => Reflect.apply(compare, null, [device, [on(double)], { ...o, roofline: { gflops: 1 } }]),
      /^roofline is an object, expected what measureRoofline gives$/,
    ],
    [
      'no tensors',
      (o) => Reflect.apply(compare, null, [device, [{ kernel: double, scalars: {} }], o]),
      /^double: tensors are undefined, expected an object$/,
    ],
    [
      'a name that is a number',
      (o) => Reflect.apply(compare, null, [device, [{ ...on(double), name: 1 }], o]),
      /^name of contestant 0 is 1, expected a text$/,
    ],
    [
      'a program for time',
      () => Reflect.apply(time, null, [device, new Program(device, 'empty', []), {}, {}]),
      /^kernel is an object of class Program, expected a kernel \(a recorded program: \{ program \}, timeProgram\)$/,
    ],
    [
      'a kernel for timeProgram',
      () => Reflect.apply(timeProgram, null, [device, double]),
      /^program is an object of class Kernel, expected what Recorder.finish made$/,
    ],
    [
      'a program with expected numbers alone',
      () => timeProgram(device, new Program(device, 'empty', []), { expect: { y: [1] } }),
      /^key of expect is "y", expected an output of empty: none; outputs: \{ name: tensor \} names them$/,
    ],
    [
      'a variant for timeProgram',
      () => Reflect.apply(timeProgram, null, [device, new Program(device, 'empty', []), { choice: {} }]),
      /^key of options of timeProgram is "choice"/,
    ],
    [
      'an expected output that is none',
      () => time(device, double, { x, y }, {}, { expect: { z: [1] } }),
      /^key of expect is "z", expected an output of double\[LANES=64\]: y$/,
    ],
    [
      'too few expected numbers',
      () => time(device, double, { x, y }, {}, { expect: { y: [1] } }),
      /^length of expect.y is 1, expected 100, that of the tensor$/,
    ],
    [
      'an expected text',
      () => Reflect.apply(time, null, [device, double, { x, y }, {}, { expect: { y: 'two' } }]),
      /^expect.y: data are "two"/,
    ],
  ])('%s: refused', async (_, call, message) => {
    await expect(call(quick)).rejects.toThrow(message);
  });

  test('a program without outputs is refused among others', async () => {
    const recorder = new Recorder(device);
    recorder.add(double, { x, y }, {});
    using program = await recorder.finish('recorded');
    await expect(compare(device, [on(double), { program }], quick)).rejects.toThrow(
      'outputs of recorded is an object, expected the tensors that hold its results, by name',
    );
    await compare(device, [{ program }], quick);
  });
});

test('a ratio is the median of those of rounds, so what slows down whole rounds has no part in it', () => {
  const load = [1, 5, 1, 9, 2, 30, 1, 1];
  const ours = load.map((factor, i) => factor * (0.9 + 0.001 * i));
  const { ratio, interval, verdict } = ratioOf(ours, load);
  expect(ratio).toBeCloseTo(0.9035, 12);
  expect(interval).toMatchObject({ low: expect.closeTo(0.9, 12), high: expect.closeTo(0.907, 12) });
  expect(verdict).toBe('faster');
  expect(ratioOf([1, 2], [1, 0])).toEqual({ ratio: 1, interval: null, verdict: null });
  expect(ratioOf([1], [0])).toEqual({ ratio: null, interval: null, verdict: null });
});

test('a text is made of comparisons alone', () => {
  expect(() => Reflect.apply(formatComparison, null, [undefined])).toThrow(
    'comparison is undefined, expected the result of compare',
  );
});

test.each([
  [0.9, 0.99, 'faster'],
  [0.9, 1, 'same'],
  [0.99, 1.01, 'same'],
  [1, 1.1, 'same'],
  [1.01, 1.1, 'slower'],
] as const)('an interval from %d to %d is %s', (low, high, verdict) => {
  expect(verdictOf({ low, high })).toBe(verdict);
});

test('orders of rounds are permutations, of the seed alone, and put each contestant in each place', () => {
  const orders = ordersOf(5, 60, 3);
  expect(orders).toEqual(ordersOf(5, 60, 3));
  expect(orders).not.toEqual(ordersOf(6, 60, 3));
  for (const order of orders) expect(order.toSorted()).toEqual([0, 1, 2]);
  for (const place of [0, 1, 2]) expect(new Set(orders.map((order) => order[place])).size).toBe(3);
});
