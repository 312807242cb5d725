// Verification of a model's variants: a fault of one is found and the base variant takes its place, and what was compared
// once is not compared again. It is forced, for a software adapter does without.
// @module-tag sweep
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import type { Kernel } from '../../src/gpu/kernel.ts';
import type { KernelSpec } from '../../src/gpu/kernel-spec.ts';
import { labelOf } from '../../src/gpu/variant-label.ts';
import { KERNEL_TUNINGS } from '../../src/kernels/tunings.ts';
import { KERNEL_VERIFICATIONS } from '../../src/kernels/verifications.ts';
import { type ModelKernels, modelKernels } from '../../src/models/kernels.ts';
import { parseModel } from '../../src/models/registry.ts';
import { modelWork } from '../../src/runtime/model-work.ts';
import { type RunnerOptions, resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import { Tuning } from '../../src/tuning/tuning.ts';
import { describeFallback, type Fallback, verifyTuning } from '../../src/tuning/verify-tuning.ts';
import { CREATING_CALLS } from '../support/gpu/creating-calls.ts';
import { type Changes, mutant } from '../support/kernels/mutant.ts';
import { openRunner, places, step, TestSequence } from '../support/models/model-session.ts';
import { tuningCacheOfEachTest } from '../support/models/tuning-cache.ts';

const DIRECTORY = 'test/fixtures/models/plain';
const model = parseModel(
  { n_layer: 1, n_head: 2, n_embd: 64, n_inner: 70, vocab_size: 97, n_positions: 64 },
  'a model of one layer',
);

interface Fault {
  readonly what: string;
  readonly kernel: 'matmul' | 'matmulKVWrite' | 'attention';
  readonly changes: Changes;
}

const SHUFFLED_X = 'quads_of_x[r] = shuffle4(xs[r / X_ROWS], q * u32(X_ROWS) + u32(r % X_ROWS));';

/** Faults of the shaders of subgroups, which no base variant uses. */
const FAULTS = {
  x: {
    what: 'an x that is off by its last bit',
    kernel: 'matmul',
    changes: [['quads_of_x[r] = shuffle4(', 'quads_of_x[r] = 1.0000001 * shuffle4(']],
  },
  tail: {
    what: 'a tail that is left out',
    kernel: 'matmul',
    changes: [['(params.K - k + 3u) / 4u), 1u,', '(params.K - k) / 4u), 1u,']],
  },
  subnormal: {
    what: 'subnormal numbers that count as 0',
    kernel: 'matmulKVWrite',
    changes: [
      [
        SHUFFLED_X,
        `${SHUFFLED_X.replace('quads_of_x[r]', 'let whole')}
        quads_of_x[r] = select(whole, vec4f(), (bitcast<vec4u>(whole) & vec4u(0x7f800000)) == vec4u());`,
      ],
    ],
  },
  score: {
    what: 'scores that are off by their last bits',
    kernel: 'attention',
    changes: [['query = shuffle4(query, quad % LANES);', 'query = 1.0000001 * shuffle4(query, quad % LANES);']],
  },
} as const satisfies Readonly<Record<string, Fault>>;

/** The kernels of a model with faults in some of them. */
function faulty(...faults: readonly Fault[]): ModelKernels {
  const mutants = faults.map(({ kernel, changes }) => [kernel, mutant<KernelSpec>(modelKernels[kernel], changes)]);
  return { ...modelKernels, ...Object.fromEntries(mutants) };
}

let device: Device;
beforeAll(async () => {
  device = await Device.open({ reduction: 'software' });
});
afterAll(() => device.close());
tuningCacheOfEachTest();

async function verify(kernels: ModelKernels = modelKernels, options: RunnerOptions = {}, on = device) {
  const wanted = { maxBatchSize: 2, maxBatchTokens: 2, maxModelLen: 32, ...options };
  const sizes = resolveSizes(model.config, wanted, 'f32', on);
  const work = (tuning: Tuning) => modelWork(on, model, sizes, kernels, tuning);
  const compared: number[] = [];
  const { tuning, fallbacks } = await verifyTuning(on, new Tuning(on.traits), work, (index) => compared.push(index));
  return { fallbacks, numCompared: compared.length, work: work(tuning) };
}

/** Names of the variants that a model takes of a kernel. */
function labelsOf({ work }: Awaited<ReturnType<typeof verify>>, kernel: keyof ModelKernels): Set<string> {
  const library: Kernel = modelKernels[kernel];
  const { name } = library;
  return new Set(work.of(library).map(({ variant }) => labelOf(name, variant)));
}

async function expectAllKept(options: RunnerOptions): Promise<void> {
  const verified = await verify(modelKernels, options);
  expect(verified.fallbacks).toEqual([]);
  expect(verified.numCompared).toBeGreaterThan(5);
}

test.each([{}, { dtype: 'q8' }] as const)('sound variants are all compared, and kept: %j', expectAllKept);

test('sound variants are all compared, and kept: in f16, keys and values, too', { tags: ['slow'] }, () =>
  expectAllKept({ dtype: 'f16', kvDtype: 'f16' }),
);

test('every kernel with a tuning has a verification, and no other kernel of a model has a variant to verify', async () => {
  expect(KERNEL_VERIFICATIONS.map(({ tuning }) => tuning)).toEqual(KERNEL_TUNINGS);
  const { work } = await verify();
  const tuned = new Set(KERNEL_TUNINGS.map(({ kernel }) => kernel.name));
  const kernels: readonly Kernel[] = Object.values(modelKernels);
  for (const kernel of kernels) {
    if (tuned.has(kernel.name)) continue;
    for (const { variant } of work.of(kernel)) expect(variant).toEqual(kernel.base(device.traits, variant));
  }
});

async function expectFallback(fault: Fault): Promise<void> {
  const verified = await verify(faulty(fault));
  expect(verified.fallbacks).not.toEqual([]);
  const { name } = modelKernels[fault.kernel];
  const labels = labelsOf(verified, fault.kernel);
  for (const { variant, base } of verified.fallbacks) {
    expect(variant).toMatch(new RegExp(`^${name}\\[SUBGROUPS`));
    expect(base).not.toContain('SUBGROUPS');
    expect(labels).not.toContain(variant);
  }
}

test.each([FAULTS.x, FAULTS.subnormal, FAULTS.score])('$what: the base variant runs instead', expectFallback);

test(`${FAULTS.tail.what}: the base variant runs instead`, { tags: ['slow'] }, () => expectFallback(FAULTS.tail));

test('two faults both fall back, and leave other kernels as they are', async () => {
  const verified = await verify(faulty(FAULTS.x, FAULTS.score));
  const kernels = new Set(verified.fallbacks.map(({ variant }) => variant.replace(/\[.*/, '')));
  expect(kernels).toEqual(new Set(['matmul', 'attention']));
  expect(labelsOf(verified, 'matmulKVWrite')).toEqual(labelsOf(await verify(), 'matmulKVWrite'));
});

/** Attention that is wrong where a workgroup has several rows. */
const WRONG_ROWS = {
  ...modelKernels,
  attention: mutant(modelKernels.attention, [
    ['return fma(a.w, b.w, ', 'return select(1.0, 1.0001, constants::ROWS > 1) * fma(a.w, b.w, '],
  ]),
};

test('workgroups of one row take the tiles of prompts where those of several have other bits', async () => {
  const verified = await verify(WRONG_ROWS);
  expect(verified.fallbacks.map(({ variant }) => variant)).toEqual([expect.stringContaining('ROWS=8')]);
  expect([...labelsOf(verified, 'attention')].every((label) => label.includes('ROWS=1'))).toBe(true);
});

test('a fault that every choice has is an error', async () => {
  // A model that gives its dispatches their rows, whatever is chosen.
  const sizes = resolveSizes(model.config, { maxBatchSize: 2, maxBatchTokens: 2, maxModelLen: 32 }, 'f32', device);
  const work = () => modelWork(device, model, sizes, WRONG_ROWS);
  await expect(verifyTuning(device, new Tuning(device.traits), work)).rejects.toThrow(
    /^attention\[.*ROWS=8.*\]: has other bits than /,
  );
});

test('a second start on the same adapter compiles and runs nothing, and knows the fallbacks', async () => {
  const first = await verify(faulty(FAULTS.x));
  using again = await Device.open({ reduction: 'software' });
  const calls = CREATING_CALLS.map((name) => vi.spyOn(again.gpu, name));
  const second = await verify(faulty(FAULTS.x), {}, again);
  expect(second.fallbacks).toEqual(first.fallbacks);
  expect(second.numCompared).toBe(0);
  for (const call of calls) expect(call).not.toHaveBeenCalled();
});

test('another text of a shader is compared anew', async () => {
  expect((await verify()).numCompared).toBeGreaterThan(0);
  expect((await verify()).numCompared).toBe(0);
  expect((await verify(faulty(FAULTS.x))).numCompared).toBeGreaterThan(0);
});

test('another class is compared anew', { tags: ['slow'] }, async () => {
  await verify();
  using other = await Device.open({ reduction: 'gpu' });
  const inParts = await verify(modelKernels, {}, other);
  expect(inParts.numCompared).toBeGreaterThan(0);
  expect(inParts.fallbacks).toEqual([]);
});

test('a model with a fault computes the bits of a sound one, and says what does not run', async () => {
  const logits = async (options: Parameters<typeof openRunner>[2]) => {
    await using runner = await openRunner(device, DIRECTORY, {
      maxBatchSize: 2,
      maxBatchTokens: 2,
      maxModelLen: 32,
      ...options,
    });
    const [place] = places(runner, 1, 20);
    const sequence = new TestSequence([5, 99], place!);
    for (let i = 0; i < 3; i++) await step(runner, [sequence]);
    return sequence.logits;
  };
  const fallbacks: Fallback[] = [];
  const onFallback = (fallback: Fallback) => fallbacks.push(fallback);
  const sound = await logits({});
  expect(await logits({ kernels: faulty(FAULTS.x), verify: true, onFallback })).toEqual(sound);
  expect(fallbacks.length).toBeGreaterThan(0);
  const { name, driver } = device.identity;
  expect(describeFallback(fallbacks[0]!, device.identity)).toMatch(
    /^matmul\[.*\] runs instead of matmul\[SUBGROUPS.*\], /,
  );
  expect(describeFallback(fallbacks[0]!, device.identity)).toContain(`has other bits on ${name} (${driver})`);
  expect(await logits({ kernels: faulty(FAULTS.x) })).not.toEqual(sound);
});
