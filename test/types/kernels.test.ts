// Read by `tsc`, not run: each expected error must be one, and nothing else may be.
import { expectTypeOf, test } from 'vitest';
import {
  type Baseline,
  baselineOf,
  compare,
  compareBaseline,
  type Device,
  defineKernel,
  embed,
  layernorm,
  matmul,
  openDevice,
  type PackedWeight,
  type Prints,
  type Program,
  Recorder,
  read,
  type Sizes,
  Tensor,
  type TensorData,
  type TimeComparison,
  type Timing,
  time,
  timeProgram,
  write,
} from '../../src/kernels/index.ts';

declare const device: Device;
declare const t: Tensor;
declare const w: PackedWeight;
declare const embedTensors: Parameters<typeof embed.run>[1];
const eps = 1e-5;

/** y[N] = a · x[N] */
const scale = defineKernel({
  name: 'scale',
  bindings: { x: read('N'), y: write('N') },
  params: { N: 'u32', a: 'f32' },
  extras: ['count'],
  conditions: () => ({ FAST: false }),
  workgroups: ({ count }) => [count, 1, 1],
  cost: ({ N }) => ({ bytes: 8 * N, flops: N }),
});

test('a kernel takes the tensors that it declares and no others', () => {
  expectTypeOf<Parameters<typeof scale.run>[1]>().toEqualTypeOf<{ readonly x: Tensor; readonly y: Tensor }>();
  void (() => [
    layernorm.run(device, { x: t, gamma: t, beta: t, out: t }, { eps }),
    // @ts-expect-error: beta is missing
    layernorm.run(device, { x: t, gamma: t, out: t }, { eps }),
    // @ts-expect-error: there is no weight
    layernorm.run(device, { x: t, gamma: t, beta: t, out: t, weight: t }, { eps }),
    // @ts-expect-error: an array is no tensor
    layernorm.run(device, { x: Float32Array.of(1), gamma: t, beta: t, out: t }, { eps }),
    // @ts-expect-error: gama
    new Recorder(device).add(layernorm, { x: t, gama: t, beta: t, out: t }, { eps }),
  ]);
});

test('a kernel takes the scalars that no tensor determines, and no others', () => {
  expectTypeOf<Parameters<typeof scale.run>[2]>().toEqualTypeOf<{ readonly a: number; readonly count: number }>();
  void (() => [
    // @ts-expect-error: eps is missing
    layernorm.run(device, { x: t, gamma: t, beta: t, out: t }, {}),
    // @ts-expect-error: there is no epsilon
    layernorm.run(device, { x: t, gamma: t, beta: t, out: t }, { eps, epsilon: 1 }),
    // @ts-expect-error: M comes from x
    layernorm.run(device, { x: t, gamma: t, beta: t, out: t }, { eps, M: 1 }),
    // @ts-expect-error: a number
    scale.dispatch(device, { x: t, y: t }, { a: '1', count: 1 }),
  ]);
});

test('a run returns what it prints, where it is asked to', () => {
  void (() => {
    const scalars = { a: 1, count: 1 };
    const run = scale.run.bind(scale, device, { x: t, y: t }, scalars, undefined);
    expectTypeOf(scale.run(device, { x: t, y: t }, scalars)).resolves.toEqualTypeOf<void>();
    expectTypeOf(run({ print: true })).resolves.toEqualTypeOf<Prints>();
    const options = { capacity: 1, tags: ['acc'], only: { workgroup: [1, 2], lane: 0 } } as const;
    expectTypeOf(scale.run(device, { x: t, y: t }, scalars, {}, { print: options })).resolves.toEqualTypeOf<Prints>();
    expectTypeOf(scale.run(device, { x: t, y: t }, scalars, {}, { print: false })).resolves.toEqualTypeOf<void>();
    // @ts-expect-error: names, by their numbers
    run({ print: { tags: { acc: 1 } } });
    // @ts-expect-error: no such option
    run({ print: true, lines: 3 });
    // @ts-expect-error: a number or up to three
    run({ print: { only: { workgroup: 'x' } } });
  });
});

declare const program: Program;

test('contestants of different kernels are each checked against their own', () => {
  void (() => {
    const norm = { kernel: layernorm, tensors: { x: t, gamma: t, beta: t, out: t }, scalars: { eps } };
    const scaled = { kernel: scale, tensors: { x: t, y: t }, scalars: { a: 1, count: 1 } };
    const all = [
      norm,
      { ...scaled, choice: { conditions: { FAST: true } } },
      { program, outputs: { out: t } },
    ] as const;
    expectTypeOf(compare(device, all)).resolves.toEqualTypeOf<TimeComparison>();
    expectTypeOf(compare(device, [norm, scaled, { program }], { rounds: 6 })).resolves.toEqualTypeOf<TimeComparison>();
    compare(
      device,
      [1, 2].map(() => scaled),
      { bound: (index) => index, start: 'kept' },
    );
    compare(
      device,
      scale.variants(device.traits).map((choice) => ({ ...scaled, choice })),
    );
    // @ts-expect-error: beta is missing
    compare(device, [{ ...norm, tensors: { x: t, gamma: t, out: t } }, scaled]);
    // @ts-expect-error: eps belongs to the other
    compare(device, [norm, { ...scaled, scalars: { eps } }]);
    // @ts-expect-error: layernorm has no FAST
    compare(device, [{ ...norm, choice: { conditions: { FAST: true } } }, scaled]);
    // @ts-expect-error: no such mode
    compare(device, [norm], { mode: 'fast' });
    // @ts-expect-error: a tensor
    compare(device, [{ program, outputs: { out: [1, 2] } }]);
  });
});

test('times are verified, collected and compared', () => {
  void (async () => {
    const timing = await time(device, scale, { x: t, y: t }, { a: 1, count: 1 }, { expect: { y: [1] }, bound: 'bits' });
    expectTypeOf(timing).toEqualTypeOf<Timing>();
    expectTypeOf(await timeProgram(device, program, { outputs: { y: t } })).toEqualTypeOf<Timing>();
    const baseline = baselineOf(device, [timing, await compare(device, [{ program }])]);
    expectTypeOf(baseline).toEqualTypeOf<Baseline>();
    const [change] = compareBaseline('{}', baseline);
    expectTypeOf(change?.verdict).toEqualTypeOf<
      'faster' | 'slower' | 'same' | 'added' | 'missing' | null | undefined
    >();
    // @ts-expect-error: a program has no variant to choose
    timeProgram(device, program, { choice: {} });
    // @ts-expect-error: numbers
    time(device, scale, { x: t, y: t }, { a: 1, count: 1 }, { expect: { y: 'one' } });
  });
});

test('a weight is packed, and a tensor is not', () => {
  void (() => [
    matmul.run(device, { x: t, w, bias: t, out: t }, {}),
    // @ts-expect-error: a tensor does not know its K, N and storage type
    matmul.run(device, { x: t, w: t, bias: t, out: t }, {}),
    // @ts-expect-error: x is no weight
    matmul.run(device, { x: w, w, bias: t, out: t }, {}),
    // @ts-expect-error: N comes from wte
    new Recorder(device).add(embed, embedTensors, { N: 1, first: 0 }),
    new Recorder(device).add(embed, embedTensors, {}),
  ]);
});

test('a choice names what the kernel declares, and nothing else', () => {
  void (() => [
    matmul.wgsl(device, { conditions: { GELU: true }, constants: { ROWS: 2 }, overrides: { LANES: 8 } }),
    // @ts-expect-error: GELUU
    matmul.wgsl(device, { conditions: { GELUU: true } }),
    // @ts-expect-error: LANES is an override
    matmul.build(device, { constants: { LANES: 8 } }),
    // @ts-expect-error: layernorm has no overrides
    layernorm.build(device, { overrides: { LANES: 8 } }),
    // @ts-expect-error: a boolean
    scale.build(device, { conditions: { FAST: 1 } }),
    // @ts-expect-error: no such kind
    scale.build(device, { tunables: { FAST: true } }),
    // @ts-expect-error: SLOW
    time(device, scale, { x: t, y: t }, { a: 1, count: 1 }, { choice: { conditions: { SLOW: true } } }),
    ...matmul.variants(device.traits).map((choice) => matmul.build(device, choice)),
  ]);
});

/** Bindings for declarations that are wrong. */
const bindings = { x: read('N', ({ D }: Sizes<'D'>) => 2 * D), y: write('N') };
const overrides = () => ({ LANES: 64 });
const conditions = () => ({ FAST: false });
const params = { D: 'u32', bias: 'i32' } as const;
const declared = { name: 'scale', bindings, params, overrides, conditions } as const;
type Grid = readonly [number, number, number];

test('callbacks of a declaration get what it names, as numbers and booleans', () => {
  defineKernel({
    ...declared,
    constants: () => ({ ROWS: 1 }),
    extras: ['count'],
    tunables: { LANES: [32, 64], ROWS: [1, 2] },
    supports: (variant) => {
      expectTypeOf(variant.conditions).toEqualTypeOf<{ readonly FAST: boolean }>();
      return null;
    },
    accepts: (dims, variant) => {
      expectTypeOf(dims).toEqualTypeOf<Sizes<'N' | 'D' | 'bias' | 'count' | 'ROWS'>>();
      expectTypeOf(variant.overrides).toEqualTypeOf<Sizes<'LANES'>>();
      return null;
    },
    workgroups: ({ N, count }, { overrides: { LANES }, constants: { ROWS } }) => [N / LANES / ROWS, count, 1],
    cost: ({ N, D }, { conditions: { FAST } }) => ({ bytes: FAST ? N : D, flops: 0 }),
  });
  // All but name, bindings and grid may be left out.
  expectTypeOf(defineKernel({ name: 'x', bindings: { x: read('N') }, workgroups: () => [1, 1, 1] }).run)
    .parameter(2)
    .toEqualTypeOf<Readonly<Record<never, number>>>();
});

test('a misspelt name in a declaration does not compile', () => {
  void (() => [
    // @ts-expect-error: no letter M
    defineKernel({ ...declared, workgroups: ({ M }): Grid => [M, 1, 1] }),
    // @ts-expect-error: no override LANE
    defineKernel({ ...declared, workgroups: ({ N }, { overrides: { LANE } }): Grid => [N / LANE, 1, 1] }),
    // @ts-expect-error: no condition QUICK
    defineKernel({ ...declared, workgroups: (_, { conditions: { QUICK } }): Grid => [QUICK ? 1 : 2, 1, 1] }),
    // @ts-expect-error: no scalar bais
    defineKernel({ ...declared, workgroups: (): Grid => [1, 1, 1], cost: ({ bais }) => ({ bytes: bais, flops: 0 }) }),
    // @ts-expect-error: no constant ROWS
    defineKernel({ ...declared, workgroups: (_, { constants: { ROWS } }): Grid => [ROWS, 1, 1] }),
    // @ts-expect-error: no tunable LANE
    defineKernel({ ...declared, tunables: { LANE: [1, 2] }, workgroups: (): Grid => [1, 1, 1] }),
    // @ts-expect-error: no scalar to have a default
    defineKernel({ ...declared, defaults: { bais: 0 }, workgroups: (): Grid => [1, 1, 1] }),
    // @ts-expect-error: no type i64
    defineKernel({ ...declared, params: { D: 'i64' }, workgroups: (): Grid => [1, 1, 1] }),
    // @ts-expect-error: a shape needs D, which nothing determines
    defineKernel({ ...declared, params: {}, workgroups: (): Grid => [1, 1, 1] }),
  ]);
});

test('a scalar with a default may be left out, and no other', () => {
  const kernel = defineKernel({ ...declared, defaults: { bias: 0 }, workgroups: () => [1, 1, 1] });
  expectTypeOf<Parameters<typeof kernel.run>[2]>().toEqualTypeOf<{ readonly D: number; readonly bias?: number }>();
});

test('a cost depends on sizes of the kernel', () => {
  expectTypeOf<Parameters<typeof scale.cost>[0]>().toEqualTypeOf<{
    readonly N?: number;
    readonly a?: number;
    readonly count?: number;
  }>();
  // @ts-expect-error: no such size
  void (() => layernorm.cost({ M: 1, C: 1, K: 1 }));
});

test('a tensor gives what it holds', () => {
  expectTypeOf<Tensor['read']>().returns.resolves.toEqualTypeOf<TensorData>();
  expectTypeOf<Tensor['readF32']>().returns.resolves.toEqualTypeOf<Float32Array>();
});

test('a device takes a GPUDevice from elsewhere, and a tensor a buffer of it', () => {
  expectTypeOf<Parameters<typeof openDevice>[0]>()
    .extract<object>()
    .toHaveProperty('gpu')
    .toEqualTypeOf<GPUDevice | undefined>();
  expectTypeOf(Tensor.wrap).returns.toEqualTypeOf<Tensor>();
  expectTypeOf(Tensor.wrap).parameter(1).toEqualTypeOf<GPUBuffer>();
  void ((gpu: GPUDevice, adapter: GPUAdapter, buffer: GPUBuffer) => [
    openDevice({
      gpu,
      ownsGpu: true,
      requiredFeatures: ['shader-f16'],
      requiredLimits: { maxComputeWorkgroupSizeX: 512 },
    }),
    Tensor.wrap(device, buffer, 'f16', [2, 3], { offset: 256, label: 'x' }),
    // @ts-expect-error: an adapter is no device
    openDevice({ gpu: adapter }),
    // @ts-expect-error: a list
    openDevice({ requiredFeatures: 'shader-f16' }),
    // @ts-expect-error: a number
    openDevice({ requiredLimits: { maxComputeWorkgroupSizeX: '512' } }),
    // @ts-expect-error: the Device of the package, not the GPUDevice
    Tensor.wrap(gpu, buffer, 'f32', [1]),
    // @ts-expect-error: no such type
    Tensor.wrap(device, buffer, 'f64', [1]),
    // @ts-expect-error: bytes
    Tensor.wrap(device, buffer, 'f32', [1], { offset: '4' }),
  ]);
});

test('a kernel may require features, and rely on the traits that say so', () => {
  defineKernel({
    ...scale.spec,
    requires: ['shader-f16'],
    supports: (_, { f16, maxWorkgroupInvocations }) => (f16 && maxWorkgroupInvocations >= 512 ? null : 'needs more'),
  });
  // @ts-expect-error: a list
  void (() => defineKernel({ ...scale.spec, requires: 'shader-f16' }));
});
