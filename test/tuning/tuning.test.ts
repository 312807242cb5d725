// The choice of variants by measurement. tuning-file.test.ts shows that it is kept, tuning-invariance.test.ts that no
// result depends on it.
// @module-tag sweep
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { type DeviceTraits, PLAIN_TRAITS } from '../../src/gpu/device-traits.ts';
import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts';
import type { Variant, VariantChoice } from '../../src/gpu/kernel-spec.ts';
import { overlay } from '../../src/gpu/overlay.ts';
import { Tensor } from '../../src/gpu/tensor.ts';
import { attention, attentionSplit } from '../../src/kernels/attention/attention.ts';
import { attentionCandidates } from '../../src/kernels/attention/tuning.ts';
import { type ModelDispatch, ModelWork } from '../../src/kernels/examination.ts';
import { layernorm } from '../../src/kernels/layernorm/layernorm.ts';
import { matmul } from '../../src/kernels/matmul/matmul.ts';
import { normMatmul } from '../../src/kernels/matmul/norm-matmul.ts';
import { MATMUL_BUCKETS, matmulCandidates, normMatmulTuning, priorChoice } from '../../src/kernels/matmul/tuning.ts';
import { sample } from '../../src/kernels/sample/sample.ts';
import { sampleCandidates } from '../../src/kernels/sample/tuning.ts';
import { PackedWeight } from '../../src/kernels/weights/packed-weight.ts';
import { tiledShape, type WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { parseModel } from '../../src/models/registry.ts';
import { modelWork } from '../../src/runtime/model-work.ts';
import { type RunnerOptions, resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import { listTunables, type Tunable } from '../../src/tuning/tunables.ts';
import { tuneKernel } from '../../src/tuning/tune-kernel.ts';
import { Tuning } from '../../src/tuning/tuning.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { sum, sumConstants, tunableSum } from '../support/kernels/tunable-sum.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());

const ADAPTERS = ['nvidia', 'amd', 'intel', 'apple', 'other'].flatMap((vendor) =>
  [0, 4, 8, 32, 64].flatMap((minSubgroupSize) =>
    [true, false].map((isSoftware) => ({
      ...PLAIN_TRAITS,
      vendor,
      minSubgroupSize,
      isSoftware,
      timestamps: true,
      reduction: isSoftware ? ('software' as const) : ('gpu' as const),
    })),
  ),
);

describe('without a measurement', () => {
  test.each(ADAPTERS)(
    '$vendor with subgroups of $minSubgroupSize, software $isSoftware, gets variants that it can run',
    (traits) => {
      for (const M of MATMUL_BUCKETS)
        for (const K of [4, 64, 768, 3072])
          for (const N of [33, 768, 50257]) {
            const sizes = { M, K, N };
            expect(() => matmul.variant(traits, priorChoice(traits, sizes)), JSON.stringify(sizes)).not.toThrow();
            if (traits.isSoftware || M > 8) continue;
            const choice = normMatmulTuning.prior(traits, sizes);
            expect(() => normMatmul.variant(traits, choice), JSON.stringify(sizes)).not.toThrow();
          }
    },
  );

  test('a matmul takes the choice of the first bucket that holds its rows, or of the last', () => {
    const choice = { constants: { ROWS: 4 } };
    const tuning = new Tuning(device.traits, [{ kernel: 'matmul', sizes: { N: 32, M: 4, K: 8 }, choice }]);
    expect([3, 4].map((M) => tuning.choose('matmul', { M, K: 8, N: 32 }))).toEqual([choice, choice]);
    expect(tuning.choose('matmul', { M: 4, K: 16, N: 32 })).toEqual(priorChoice(device.traits, { M: 4, K: 16, N: 32 }));
    expect(tuning.choose('matmul', { M: 5000, K: 8, N: 32 })).toEqual(
      priorChoice(device.traits, { M: 512, K: 8, N: 32 }),
    );
    expect(tuning.choose('matmul_kv_write', { M: 4, K: 8, N: 32 })).toEqual(
      priorChoice(device.traits, { M: 4, K: 16, N: 32 }),
    );
  });

  test('attention takes the choice for its own heads and tiles, and else the rows of its kind of tile', () => {
    const choice = { constants: { LANES: 64 } };
    const [prompt, decode] = [8, 1].map((tileTokens) => ({ G: 2, SHARE: 1, tileTokens }));
    const tuning = new Tuning(device.traits, [{ kernel: 'attention', sizes: prompt!, choice }]);
    expect(tuning.choose('attention', prompt!)).toEqual(choice);
    expect(tuning.choose('attention', { ...prompt, SHARE: 3 })).toEqual({ constants: { ROWS: 8 } });
    expect(tuning.choose('attention', decode!)).toEqual({ constants: { ROWS: 1 } });
    expect(tuning.choose('attention_split', decode!)).toEqual({ constants: { ROWS: 1 } });
  });

  test('other kernels take their defaults', () => {
    const tuning = new Tuning(device.traits);
    expect(tuning.choose('sample', { V: 8 })).toEqual({});
    expect(tuning.choose('layernorm', { M: 8 })).toEqual({});
  });
});

const sharesTiles = ({ constants }: Variant) => constants.K_TILE! > 0;
/** Variants that are measured of a matmul of M rows and the given columns. */
const measured = (traits: DeviceTraits, M: number, N: number) =>
  matmulCandidates(matmul, traits, { M, K: 768, N }).map((choice) => matmul.variant(traits, choice));

describe('candidates', () => {
  test.each(MATMUL_BUCKETS)(
    'of a matmul of %i rows are the prior and variants that differ from it in one thing, or in their algorithm',
    (M) => {
      for (const traits of ADAPTERS) {
        const prior = matmul.variant(traits, priorChoice(traits, { M, K: 768, N: 768 }));
        const [first, ...others] = measured(traits, M, 768);
        expect(first).toEqual(prior);
        for (const other of others) {
          const changed = (['conditions', 'constants', 'overrides'] as const).flatMap((kind) =>
            Object.entries(other[kind]).filter(([name, value]) => value !== prior[kind][name]),
          );
          if (changed.length !== 1) expect([prior, other].some(sharesTiles)).toBe(true);
        }
        expect(new Set(others.map((variant) => JSON.stringify(variant))).size).toBe(others.length);
      }
    },
  );

  test('of a matmul share tiles among the lanes of a workgroup where a GPU has many rows', () => {
    for (const traits of ADAPTERS) {
      const numShared = (M: number) => measured(traits, M, 768).filter(sharesTiles).length;
      const least = traits.isSoftware ? 0 : 4;
      expect([numShared(8), Math.min(numShared(512), 4)]).toEqual([0, least]);
      // Nor does the prior, before there are as many as a large GPU has units.
      const isPrior = (M: number, N: number) => sharesTiles(measured(traits, M, N)[0]!);
      expect([isPrior(64, 768), isPrior(512, 768), isPrior(1, 50257)]).toEqual([false, !traits.isSoftware, false]);
    }
  });

  test('of the sampler are, on a GPU, all numbers of lanes, the default first', () => {
    const kernel: Kernel = sample;
    for (const traits of ADAPTERS) {
      const variants = sampleCandidates(sample, traits).map((choice) => kernel.variant(traits, choice));
      expect(variants[0]).toEqual(kernel.variant(traits));
      const lanes = variants.map(({ overrides }) => overrides.LANES);
      expect(lanes.toSorted()).toEqual(
        (traits.isSoftware ? lanes.slice(0, 1) : (sample.spec.tunables?.LANES ?? [])).toSorted(),
      );
    }
  });

  test('of attention are, on a GPU in class software, all numbers of lanes, the default first, each by way of the subgroup where it can be', () => {
    const kernel: Kernel = attentionSplit;
    for (const adapter of ADAPTERS) {
      const traits = { ...adapter, reduction: 'software' as const };
      const candidates = attentionCandidates(kernel, traits, { SHARE: 1, tileTokens: 1 });
      const variants = candidates.map((choice) => kernel.variant(traits, choice));
      expect(variants[0]).toEqual(kernel.variant(traits));
      const lanes = variants.map(({ constants }) => constants.LANES);
      expect(lanes.toSorted()).toEqual(
        (traits.isSoftware ? [8] : (attentionSplit.spec.tunables?.LANES ?? [])).toSorted(),
      );
      for (const { conditions, constants } of variants) {
        expect(conditions.SUBGROUPS).toBe(constants.LANES! <= traits.minSubgroupSize);
      }
    }
  });

  test('of attention are, on a GPU in class gpu, all numbers of rows that a tile has and of loads, the prior first', () => {
    for (const adapter of ADAPTERS) {
      const traits = { ...adapter, reduction: 'gpu' as const };
      const values = (name: 'ROWS' | 'LOADS', SHARE: number, tileTokens: number) => {
        const candidates = attentionCandidates(attention, traits, { SHARE, tileTokens });
        return [...new Set(candidates.map((choice) => choice.constants?.[name]))];
      };
      const { isSoftware } = traits;
      expect(values('ROWS', 1, 1)).toEqual([1]);
      expect(values('ROWS', 3, 1)).toEqual(isSoftware ? [4] : [4, 1, 2]);
      expect(values('ROWS', 1, 8)).toEqual(isSoftware ? [4] : [4, 1, 2, 8]);
      expect(values('LOADS', 1, 1)).toEqual(isSoftware ? [1] : [16, 1, 8]);
      expect(values('LOADS', 1, 8)).toEqual(isSoftware ? [1] : [8, 1, 16]);
    }
  });
});

describe('measuring', () => {
  const tune = (tunable: Tunable, deadline?: number) => tuneKernel(device, tunable, { ...tunable.sizes[0] }, deadline);
  const [slow, quick, down, skip] = [{ REPEAT: 1000 }, { REPEAT: 1 }, { DOWN: 1 }, { SKIP: 1 }];

  test('takes the quickest of the candidates', async () => {
    expect(await tune(tunableSum(device, slow, quick))).toEqual({ constants: quick });
    expect(await tune(tunableSum(device, quick, slow))).toEqual({ constants: quick });
  });

  test('takes none that sums in another order, or leaves something out, however fast', async () => {
    expect(await tune(tunableSum(device, slow, down))).toEqual({ constants: slow });
    expect(await tune(tunableSum(device, slow, skip))).toEqual({ constants: slow });
    expect(await tune(tunableSum(device, down, slow))).toEqual({ constants: slow });
  });

  test('takes the base variant when no candidate has its bits', async () => {
    const constants = ({ minSubgroupSize }: DeviceTraits) => ({ ...sumConstants(), DOWN: Math.sign(minSubgroupSize) });
    const kernel = defineKernel({ ...sum.spec, constants });
    const defaults = kernel.variant(device.traits);
    const choice = await tune({ ...tunableSum(device, skip), kernel });
    expect(overlay(defaults, choice ?? {}).constants).toEqual(sumConstants());
  });

  test('gives nothing when time is up before it is done', async () => {
    expect(await tune(tunableSum(device, quick), 0)).toBeNull();
    // A clock that goes on by one with each dispatch: the base variant's, and the first candidate's two.
    let now = 0;
    using clock = vi.spyOn(performance, 'now').mockReturnValue(now);
    const workgroups = () => {
      clock.mockReturnValue(++now);
      return [1, 1, 1] as const;
    };
    const tunable = { ...tunableSum(device, quick, { REPEAT: 1 }), kernel: defineKernel({ ...sum.spec, workgroups }) };
    expect(await tune(tunable, 3)).toBeNull();
    expect(now).toBe(3);
    expect(await tune(tunable, 7)).toEqual({ constants: quick });
  });

  test('leaves nothing on the device', async () => {
    const before = device.liveBuffers;
    await tune(tunableSum(device, quick));
    expect(device.liveBuffers).toBe(before);
  });
});

describe('the kernels of a model', () => {
  const TINY = { n_layer: 1, n_head: 2, n_embd: 16, n_inner: 24, vocab_size: 40, n_positions: 300 };
  const STORAGE = { dtype: 'f16', kvDtype: 'f16', blockSize: 5, maxBatchSize: 1, maxBatchTokens: 1 } as const;
  const workOf = (config: Partial<typeof TINY> = {}, options: RunnerOptions = {}, kernels = modelKernels) => {
    const model = parseModel({ model_type: 'gpt2', ...TINY, ...config }, 'tiny');
    const sizes = resolveSizes(model.config, { ...STORAGE, ...options }, 'f32', device);
    return modelWork(device, model, sizes, kernels);
  };
  const namedSizes = (tunables: readonly Tunable[]) => tunables.map(({ kernel, sizes }) => [kernel.name, sizes]);

  test('are those of its step, each at the sizes that it may have', () => {
    const all = listTunables(device, workOf({}, { maxBatchSize: 2, maxBatchTokens: 3 }));
    const weights = [
      [16, 16],
      [16, 24],
      [24, 16],
    ] as const;
    const rows = (M: number, ...more: readonly (readonly [number, number])[]) =>
      [...weights, ...more].map(([K, N]) => ({ M, K, N }));
    expect(namedSizes(all)).toEqual([
      ['attention', [1, 8].map((tileTokens) => ({ G: 2, SHARE: 1, tileTokens }))],
      ['attention_split', [{ G: 2, SHARE: 1, tileTokens: 1 }]],
      ['sample', [{ V: 40 }]],
      // An LM head has no more rows than a step may need logits of.
      ['matmul', [...rows(1, [16, 40]), ...rows(2, [16, 40]), ...rows(4)]],
      ['matmul_kv_write', [1, 2, 4].map((M) => ({ M, K: 16, N: 48 }))],
    ]);
  });

  test('have no splits of attention where no context needs two', () => {
    const names = (numPositions: number) =>
      listTunables(device, workOf({ n_positions: numPositions })).map(({ kernel }) => kernel.name);
    expect(names(257)).toContain('attention_split');
    expect(names(256)).not.toContain('attention_split');
  });

  test('have a plain matmul to q, k and v where heads do not fill the rows of the cache', () => {
    const tunables = listTunables(device, workOf({ n_embd: 8 }));
    expect(tunables.map(({ kernel }) => kernel.name)).not.toContain('matmul_kv_write');
    expect(tunables.flatMap(({ sizes }) => sizes)).toContainEqual({ M: 1, K: 8, N: 24 });
  });

  const matmulOf = (M: number, K: number, N: number, dtype: WeightDType = 'f32', kernel = matmul): ModelDispatch => {
    const w = PackedWeight.over(Tensor.meta('w', 'u32', tiledShape(K, N, dtype)), [K, N], dtype);
    const [x, bias, out] = [[M, K], [N], [M, 2 * N]].map((shape) => Tensor.meta('operand', 'f32', shape));
    const choice = { conditions: { X_VEC4: K % 4 === 0 } };
    const operands = { x: x!, w, bias: bias!, out: out! };
    return { ...kernel.solve(device.traits, operands, { first: N }, choice), kernel, use: null };
  };

  test('are known from its dispatches alone: other matmuls are tuned at other sizes, by what they fix and by buckets of rows', () => {
    const [x, gamma] = [Tensor.meta('x', 'f32', [3, 8]), Tensor.meta('gamma', 'f32', [8])];
    const solved = layernorm.solve(device.traits, { x, gamma, beta: gamma, out: x }, { eps: 1 });
    const dispatches = [
      matmulOf(1, 8, 7),
      matmulOf(3, 8, 7),
      matmulOf(4, 8, 7),
      matmulOf(3, 30, 7),
      matmulOf(100, 8, 50),
      matmulOf(1, 8, 7, 'q8'),
      { ...solved, kernel: layernorm, use: null },
    ];
    const tunables = listTunables(device, new ModelWork([], dispatches));
    expect(namedSizes(tunables)).toEqual([
      [
        'matmul',
        [
          { M: 1, K: 8, N: 7 },
          { M: 4, K: 8, N: 7 },
          { M: 512, K: 8, N: 50 },
        ],
      ],
      ['matmul', [{ M: 4, K: 30, N: 7 }]],
      ['matmul', [{ M: 1, K: 8, N: 7 }]],
    ]);
    const off = { W_F16: false, W_Q8: false, W_Q8_32: false, W_Q4: false };
    expect(tunables.map(({ fixed }) => fixed.conditions)).toEqual([
      { ...off, X_VEC4: true },
      { ...off, X_VEC4: false },
      { ...off, W_Q8: true, X_VEC4: true },
    ]);
    expect(listTunables(device, new ModelWork([], []))).toEqual([]);
  });

  test('are its own where it has replaced the library’s', () => {
    const other = defineKernel({ ...matmul.spec, tunables: { ...matmul.spec.tunables, TILES: [1, 3] } });
    const [tunable] = listTunables(device, new ModelWork([other], [matmulOf(1, 8, 7, 'f32', other)]));
    expect(tunable?.kernel).toBe(other);
    expect(tunable?.candidates({ M: 1, K: 8, N: 7 })).toEqual(
      matmulCandidates(other, device.traits, { M: 1, K: 8, N: 7 }),
    );
  });

  test('have, on invented operands, the bits of their base variants', async () => {
    for (const tunable of listTunables(device, workOf())) {
      const sizes = tunable.sizes[0] ?? {};
      const [prior = {}] = tunable.candidates(sizes);
      const base = tunable.kernel.base(device.traits, tunable.fixed);
      expect(await outputBits(tunable, prior), tunable.kernel.name).toEqual(await outputBits(tunable, base));
    }
  });

  test('are compared by outputs that another order of sums changes', async () => {
    const dot = 'fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))))';
    const swapped = 'fma(a.w, b.w, fma(a.z, b.z, fma(a.x, b.x, fma(a.y, b.y, sum))))';
    const kernels = {
      ...modelKernels,
      attention: mutant(attention, [[dot, swapped]]),
      attentionSplit: mutant(attentionSplit, [[dot, swapped]]),
    };
    const ofAttention = (work: ModelWork) =>
      listTunables(device, work).filter(({ kernel }) => kernel.name.startsWith('attention'));
    const right = ofAttention(workOf());
    const wrong = ofAttention(workOf({}, {}, kernels));
    expect(right).toHaveLength(2);
    for (const [i, tunable] of right.entries()) {
      for (const sizes of tunable.sizes)
        expect(await outputBits(wrong[i]!, {}, sizes)).not.toEqual(await outputBits(tunable, {}, sizes));
    }
  });

  async function outputBits(
    tunable: Tunable,
    choice: VariantChoice,
    sizes = tunable.sizes[0] ?? {},
  ): Promise<readonly Uint32Array[]> {
    using owned = new DisposableStack();
    const { tensors, scalars, outputs } = tunable.prepare(owned, sizes);
    await tunable.kernel.run(device, tensors, scalars, overlay(choice, tunable.fixed));
    return Promise.all(outputs.map(async (output) => new Uint32Array((await output.read()).buffer)));
  }
});
