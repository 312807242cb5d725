// The choice of variants: measured and kept. That it is never seen in a result, tuning-invariance.test.ts shows.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Device, type DeviceTraits } from '../../src/gpu/device.ts';
import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts';
import { read, type VariantChoice, write } from '../../src/gpu/kernel-spec.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { attention, attentionSplit } from '../../src/kernels/attention.ts';
import { matmul } from '../../src/kernels/matmul.ts';
import { sample } from '../../src/kernels/sample.ts';
import { attentionCandidates, tunableAttention } from '../../src/model/attention-tuning.ts';
import { parseGPT2Config } from '../../src/model/config.ts';
import { gpt2Kernels } from '../../src/model/gpt2-kernels.ts';
import { loadTuning, modelTunables, type TuneMode } from '../../src/model/load-tuning.ts';
import {
  MATMUL_BUCKETS,
  matmulCandidates,
  matmulShapes,
  priorChoice,
  tunableMatmuls,
} from '../../src/model/matmul-tuning.ts';
import { sampleCandidates } from '../../src/model/sample-tuning.ts';
import { joinChoices, type Tunable, tuneKernel } from '../../src/model/tune-kernel.ts';
import { Tuning } from '../../src/model/tuning.ts';
import { mutant } from '../support/mutant.ts';

let device: Device;
let directory: string;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roseinfer-tuning-'));
  vi.stubEnv('ROSEINFER_CACHE', directory);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

const ADAPTERS = ['nvidia', 'amd', 'intel', 'apple', 'other'].flatMap((vendor) =>
  [0, 4, 8, 32, 64].flatMap((minSubgroupSize) =>
    [true, false].map((isSoftware) => ({ vendor, minSubgroupSize, isSoftware, immediates: true, timestamps: true })),
  ),
);

describe('without a measurement', () => {
  test.each(ADAPTERS)(
    '$vendor with subgroups of $minSubgroupSize, software $isSoftware, gets variants that it can run',
    (traits) => {
      for (const M of MATMUL_BUCKETS) expect(() => matmul.variant(traits, priorChoice(traits, M))).not.toThrow();
    },
  );

  test('a matmul takes the choice of the first bucket that holds its rows, or of the last', () => {
    const choice = { constants: { ROWS: 4 } };
    const tuning = new Tuning(device.traits, [{ kernel: 'matmul', sizes: { N: 32, M: 4, K: 8 }, choice }]);
    expect([3, 4].map((M) => tuning.matmul({ M, K: 8, N: 32 }))).toEqual([choice, choice]);
    expect(tuning.matmul({ M: 4, K: 16, N: 32 })).toEqual(priorChoice(device.traits, 4));
    expect(tuning.matmul({ M: 5000, K: 8, N: 32 })).toEqual(priorChoice(device.traits, 64));
  });

  test('other kernels take their defaults, and with one the choice for their own sizes', () => {
    const choice = { constants: { LANES: 64 } };
    const tuning = new Tuning(device.traits, [{ kernel: 'attention', sizes: { H: 2, ROWS: 8 }, choice }]);
    expect(tuning.attention('attention', { H: 2, ROWS: 8 })).toEqual(choice);
    expect(tuning.attention('attention', { H: 2, ROWS: 1 })).toEqual({});
    expect(tuning.attention('attention_split', { H: 2, ROWS: 8 })).toEqual({});
    expect(tuning.sample({ V: 8 })).toEqual({});
  });
});

describe('candidates', () => {
  test.each(MATMUL_BUCKETS)(
    'of a matmul of %i rows are the prior and variants that differ from it in one thing',
    (M) => {
      for (const traits of ADAPTERS) {
        const prior = matmul.variant(traits, priorChoice(traits, M));
        const [first, ...others] = matmulCandidates(matmul, traits, M).map((choice) => matmul.variant(traits, choice));
        expect(first).toEqual(prior);
        for (const other of others) {
          const changed = (['conditions', 'constants', 'overrides'] as const).flatMap((kind) =>
            Object.entries(other[kind]).filter(([name, value]) => value !== prior[kind][name]),
          );
          expect(changed).toHaveLength(1);
        }
        expect(new Set(others.map((variant) => JSON.stringify(variant))).size).toBe(others.length);
      }
    },
  );

  test('of a matmul share weights among the lanes of a workgroup where a GPU has many rows', () => {
    const numShared = (traits: DeviceTraits, M: number) =>
      matmulCandidates(matmul, traits, M).filter(({ constants }) => (constants?.K_TILE ?? 0) > 0).length;
    for (const traits of ADAPTERS) {
      expect(numShared(traits, 64)).toBe(traits.isSoftware ? 0 : 2);
      expect(numShared(traits, 8)).toBe(0);
    }
  });

  test('of the sampler are, on a GPU, all numbers of lanes, the default first', () => {
    const kernel: Kernel = sample;
    for (const traits of ADAPTERS) {
      const variants = sampleCandidates(sample, traits).map((choice) => kernel.variant(traits, choice));
      expect(variants[0]).toEqual(kernel.variant(traits));
      const lanes = variants.map(({ overrides }) => overrides.LANES);
      expect(lanes.toSorted()).toEqual((traits.isSoftware ? lanes.slice(0, 1) : sample.spec.tunables.LANES).toSorted());
    }
  });

  test('of attention are, on a GPU, all numbers of lanes, the default first, each by way of the subgroup where it can be', () => {
    const kernel: Kernel = attentionSplit;
    for (const traits of ADAPTERS) {
      const candidates = attentionCandidates(kernel, traits);
      const variants = candidates.map((choice) => kernel.variant(traits, choice));
      expect(variants[0]).toEqual(kernel.variant(traits));
      const lanes = variants.map(({ constants }) => constants.LANES);
      expect(lanes.toSorted()).toEqual((traits.isSoftware ? [8] : attentionSplit.spec.tunables.LANES).toSorted());
      for (const { conditions, constants } of variants) {
        expect(conditions.SUBGROUPS).toBe(constants.LANES! <= traits.minSubgroupSize);
      }
    }
  });
});

/** sum[1] of x[N]; a variant loops REPEAT times, adds down from the end where DOWN, and writes nothing where SKIP. */
const sum = defineKernel({
  name: 'sum',
  source: /* wgsl */ `
    const REPEAT = constants::REPEAT;
    const DOWN = constants::DOWN;
    const SKIP = constants::SKIP;
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> sum: array<f32>;
    @compute @workgroup_size(1)
    fn main() {
      let N = arrayLength(&x);
      var total = 0.0;
      for (var turn = 0; turn < REPEAT; turn++) {
        total = 0.0;
        for (var i = 0u; i < N; i++) { total += x[select(i, N - 1u - i, DOWN == 1)]; }
      }
      if (SKIP == 0) { sum[0] = total; }
    }`,
  bindings: { x: read('N'), sum: write(1) },
  params: {},
  constants: () => ({ REPEAT: 1, DOWN: 0, SKIP: 0 }),
  tunables: { REPEAT: [1, 1000], DOWN: [0, 1], SKIP: [0, 1] },
  workgroups: () => [1, 1, 1],
  cost: ({ N = 0 }) => ({ bytes: 4 * N, flops: N }),
});

/** `sum` over 2,000 numbers whose sum depends on their order. */
function tunableSum(...constants: Readonly<Record<string, number>>[]): Tunable {
  return {
    kernel: sum,
    fixed: {},
    sizes: [{ N: 2000 }],
    candidates: () => constants.map((each) => ({ constants: each })),
    prepare: (owned, { N = 0 }) => {
      const x = owned.use(
        Tensor.from(
          device,
          'x',
          Float32Array.from({ length: N }, (_, i) => Math.sin(i * i)),
        ),
      );
      const output = owned.use(Tensor.create(device, 'sum', 'f32', [1]));
      return { tensors: { x, sum: output }, scalars: {}, output };
    },
  };
}

describe('measuring', () => {
  const tune = (tunable: Tunable, deadline?: number) => tuneKernel(device, tunable, { ...tunable.sizes[0] }, deadline);
  const [slow, quick, down, skip] = [{ REPEAT: 1000 }, { REPEAT: 1 }, { DOWN: 1 }, { SKIP: 1 }];

  test('takes the quickest of the candidates', async () => {
    expect(await tune(tunableSum(slow, quick))).toEqual({ constants: quick });
    expect(await tune(tunableSum(quick, slow))).toEqual({ constants: quick });
  });

  test('takes none that sums in another order, or leaves something out, however fast', async () => {
    expect(await tune(tunableSum(slow, down))).toEqual({ constants: slow });
    expect(await tune(tunableSum(slow, skip))).toEqual({ constants: slow });
    expect(await tune(tunableSum(down, slow))).toEqual({ constants: slow });
  });

  test('takes the base variant when no candidate has its bits', async () => {
    const constants = ({ minSubgroupSize }: DeviceTraits) => ({ REPEAT: 1, DOWN: Math.sign(minSubgroupSize), SKIP: 0 });
    const kernel = defineKernel({ ...sum.spec, constants });
    const defaults = kernel.variant(device.traits);
    const choice = await tune({ ...tunableSum(skip), kernel });
    expect(joinChoices(defaults, choice ?? {}).constants).toEqual({ REPEAT: 1, DOWN: 0, SKIP: 0 });
  });

  test('gives nothing when time is up before it is done', async () => {
    expect(await tune(tunableSum(quick), 0)).toBeNull();
    // The first candidate takes longer than that.
    expect(await tune(tunableSum(slow, quick), performance.now() + 1)).toBeNull();
  });

  test('leaves nothing on the device', async () => {
    const before = device.liveBuffers;
    await tune(tunableSum(quick));
    expect(device.liveBuffers).toBe(before);
  });
});

describe('the kernels of a model', () => {
  const config = parseGPT2Config(
    { n_layer: 1, n_head: 2, n_embd: 16, n_inner: 24, vocab_size: 40, n_positions: 8 },
    'tiny',
  );
  const storage = { config, kvDtype: 'f16', dtype: 'f16', blockSize: 5, maxRows: 1, headColumns: [40] } as const;

  test('are those of its step, each at the sizes that it may have', () => {
    const all = modelTunables(device, { ...storage, kernels: gpt2Kernels, maxRows: 3 });
    expect(all.map(({ kernel, sizes }) => [kernel.name, sizes.length])).toEqual([
      ['attention', 1],
      ['attention_split', 1],
      ['attention', 1],
      ['sample', 1],
      ['matmul', 15],
    ]);
  });

  test('are matmuls of its weights for every number of rows that it may have', () => {
    const sizes = { config: { hiddenSize: 8, mlpSize: 30 }, maxRows: 3, headColumns: [50, 50, 7] };
    const shapes = matmulShapes(sizes);
    expect(shapes.filter(({ M }) => M === 1)).toEqual([
      { M: 1, K: 8, N: 24 },
      { M: 1, K: 8, N: 8 },
      { M: 1, K: 8, N: 30 },
      { M: 1, K: 30, N: 8 },
      { M: 1, K: 8, N: 50 },
      { M: 1, K: 8, N: 7 },
    ]);
    expect(new Set(shapes.map(({ M }) => M))).toEqual(new Set([1, 2, 4]));
    const apart = tunableMatmuls(device, matmul, { ...sizes, dtype: 'f32' });
    expect(apart.map(({ fixed, sizes }) => [fixed.conditions?.X_VEC4, sizes.length])).toEqual([
      [true, 15],
      [false, 3],
    ]);
  });

  test('have, on invented operands, the bits of their base variants', async () => {
    for (const tunable of modelTunables(device, { ...storage, kernels: gpt2Kernels })) {
      const sizes = tunable.sizes[0] ?? {};
      const [prior = {}] = tunable.candidates(sizes);
      const base = tunable.kernel.variant({ ...device.traits, minSubgroupSize: 0 }, tunable.fixed);
      expect(await outputBits(tunable, prior), tunable.kernel.name).toEqual(await outputBits(tunable, base));
    }
  });

  test('are compared by outputs that another order of sums changes', async () => {
    const dot = 'fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))))';
    const swapped = 'fma(a.w, b.w, fma(a.z, b.z, fma(a.x, b.x, fma(a.y, b.y, sum))))';
    const kernels = {
      attention: mutant(attention, [[dot, swapped]]),
      attentionSplit: mutant(attentionSplit, [[dot, swapped]]),
    };
    const right = tunableAttention(device, gpt2Kernels, storage);
    const wrong = tunableAttention(device, kernels, storage);
    for (const [i, tunable] of right.entries()) {
      expect(await outputBits(wrong[i]!, {})).not.toEqual(await outputBits(tunable, {}));
    }
  });

  async function outputBits(tunable: Tunable, choice: VariantChoice): Promise<Uint32Array> {
    using owned = new DisposableStack();
    const { tensors, scalars, output } = tunable.prepare(owned, tunable.sizes[0] ?? {});
    await tunable.kernel.run(device, tensors, scalars, joinChoices(choice, tunable.fixed));
    return new Uint32Array((await output.read()).buffer);
  }
});

describe('choices are kept', () => {
  /** Two kernels under names that a Tuning is asked for. */
  const stored = (['sample', 'attention'] as const).map((name) => ({
    ...tunableSum({ DOWN: 0 }, { DOWN: 1 }),
    kernel: defineKernel({ ...sum.spec, name }),
  }));
  const [sampler, attending] = [
    { ...stored[0]!, sizes: [{ V: 4 }, { V: 8 }] },
    { ...stored[1]!, sizes: [{ H: 1, ROWS: 8 }] },
  ];
  const load = async (mode: TuneMode | undefined, budget?: number) => {
    const progress: number[] = [];
    const tuning = await loadTuning(device, [sampler, attending].map(withOperands), {
      ...{ mode, onProgress: (numDone: number) => progress.push(numDone) },
      ...(budget !== undefined && { budget }),
    });
    return { tuning, numMeasured: progress.at(-1) ?? 0 };
  };
  /** Whatever the sizes, the operands are those of the sum of a few numbers. */
  const withOperands = (tunable: Tunable): Tunable => ({
    ...tunable,
    prepare: (owned) => tunable.prepare(owned, { N: 20 }),
  });
  const files = async () => (await readdir(directory)).map((name) => join(directory, name));
  const sampleFile = async () => (await files()).find((path) => path.includes('sample-')) ?? '';
  const entries = async (): Promise<unknown[]> => JSON.parse(await readFile(await sampleFile(), 'utf8'));

  test('and read again: only `force` measures twice, and `off` neither measures nor writes', async () => {
    expect((await load('off')).numMeasured).toBe(0);
    expect(await files()).toEqual([]);
    expect((await load('on')).numMeasured).toBe(3);
    expect((await load('on')).numMeasured).toBe(0);
    expect((await load('force')).numMeasured).toBe(3);
    expect(await files()).toHaveLength(2);
  });

  test('and used', async () => {
    expect((await load('on')).tuning.sample({ V: 4 })).toEqual({ constants: { DOWN: 0 } });
    const choice = { constants: { DOWN: 0, REPEAT: 1000 } };
    await writeFile(await sampleFile(), JSON.stringify((await entries()).map((each) => ({ ...Object(each), choice }))));
    const { tuning } = await load('on');
    expect(tuning.sample({ V: 4 })).toEqual(choice);
    expect(tuning.attention('attention', { H: 1, ROWS: 8 })).toEqual({ constants: { DOWN: 0 } });
  });

  test('also those for the sizes of other models, when these are measured anew', async () => {
    await load('on');
    const other = { kernel: 'sample', sizes: { V: 77 }, choice: { constants: { REPEAT: 1 } } };
    await writeFile(await sampleFile(), JSON.stringify([...(await entries()), other]));
    await load('force');
    expect(await entries()).toContainEqual(other);
    expect(await entries()).toHaveLength(3);
  });

  test.each([
    ['no JSON', '{'],
    ['no list', '{"kernel":"sample"}'],
    ['a list of something else', '[1,null,{"kernel":"sample","sizes":{"V":"4"},"choice":{}},{"kernel":"sample"}]'],
    ['choices for another kernel', '[{"kernel":"attention","sizes":{"V":4},"choice":{}}]'],
    ['choices that it can not run', '[{"kernel":"sample","sizes":{"V":4},"choice":{"constants":{"DOWN":2}}}]'],
  ])('unless a file has %s: what it had is measured again', async (_, text) => {
    await load('on');
    await writeFile(await sampleFile(), text);
    expect((await load('on')).numMeasured).toBe(2);
  });

  test('where they can be: a directory that can not be made stops nothing', async () => {
    await writeFile(join(directory, 'file'), '');
    vi.stubEnv('ROSEINFER_CACHE', join(directory, 'file', 'cache'));
    expect((await load('on')).numMeasured).toBe(3);
  });

  test('and what there was no time for is left to the next start', async () => {
    expect((await load('on', 0)).numMeasured).toBe(0);
    expect(await files()).toEqual([]);
    expect((await load('force', 0)).numMeasured).toBe(3);
  });

  test('by a software adapter only when it is told to', async () => {
    if (!device.traits.isSoftware) return;
    expect((await load(undefined)).numMeasured).toBe(0);
  });
});
