// Invariance under random schedules, a few of each model. `npm run test:fuzz` runs a thousand, or one seed alone.
// @module-tag sweep
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Sequence } from '../../src/core/sequence.ts';
import { Device } from '../../src/gpu/device.ts';
import type { ReductionClass } from '../../src/gpu/reduction.ts';
import { bucketOf } from '../../src/kernels/kernel-tuning.ts';
import { MATMUL_BUCKETS } from '../../src/kernels/matmul/tuning.ts';
import { BlockTable } from '../../src/kv/block-table.ts';
import { KVCacheManager } from '../../src/kv/kv-cache-manager.ts';
import { type CachedBlock, PrefixCache } from '../../src/kv/prefix-cache.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import { BatchScheduler } from '../../src/scheduler/batch-scheduler.ts';
import { Tuning } from '../../src/tuning/tuning.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { kernelsOfTwoWindows } from '../support/kernels/window-mutants.ts';
import { inventedChoices, inventedMatmulChoice } from '../support/models/invented-choices.ts';
import { type FuzzModel, llamaModels, tales, tinyModels } from './fuzz-models.ts';
import { FuzzSession } from './fuzz-session.ts';
import { runSchedule } from './run-schedule.ts';

/** Schedules of each model by its kind, of one with other variants, and of one in the class gpu: of npm test, and of both tiers. */
const QUICK = { tiny: 8, llama: 4, tales: 1, tuned: 4, gpu: 4 };
const ALL = { tiny: 30, llama: 8, tales: 2, tuned: 10, gpu: 8 };
const TIMEOUT = 600_000;
/** Schedules in which a fault must show. */
const MOST_FOR_FAULT = 60;

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => device.close());

const totals: Record<string, number> = {};
/** The model that runs in the class gpu. */
const ofGPU = tinyModels.find(({ name }) => name === 'tiny-f16-kv-f16')!;
/** A window with keys that three heads share, a wider one with keys in f16, and heads that share keys without a window. */
const llamas = ['mistral-window-24-f16-kv-f32', 'mistral-window-70-f32-kv-f16', 'qwen3-f32-kv-f32'].map(
  (wanted) => llamaModels.find(({ name }) => name === wanted)!,
);
/** Models of npm test: the slow tier and test:fuzz have all. */
const QUICK_MODELS = [
  'tiny-f32-kv-f32',
  'tiny-q8-kv-f32',
  'mistral-window-24-f16-kv-f32',
  'qwen3-f32-kv-f32',
  'tales-f16-kv-f32',
];
const cases = [
  ...tinyModels.filter((model) => model !== ofGPU).map((model) => ({ model, kind: 'tiny' as const })),
  ...llamas.map((model) => ({ model, kind: 'llama' as const })),
  ...tales.map((model) => ({ model, kind: 'tales' as const })),
].flatMap(({ model, kind }, index) => {
  const [first, end] = [75 * index, 75 * index + ALL[kind]];
  const between = QUICK_MODELS.includes(model.name) ? first + QUICK[kind] : first;
  return [
    { model, first, end: between, tags: [] },
    { model, first: between, end, tags: ['slow'] },
  ].filter((each) => each.first < each.end);
});

async function expectNoDifference(session: FuzzSession, first: number, end: number, reduction: ReductionClass) {
  for (let seed = first; seed < end; seed++) {
    const { differences, counts } = await runSchedule(session, seed);
    const flags = `--model ${session.model.name} --seed ${seed} --count 1 --llama 1 --tales 1 --reduction ${reduction}`;
    expect(differences, `npm run test:fuzz -- ${flags}`).toEqual([]);
    for (const [key, value] of Object.entries(counts)) totals[key] = (totals[key] ?? 0) + value;
  }
}

for (const { model, first, end, tags } of cases) {
  const title = `${end - first} random schedules of ${model.name} from seed ${first} on change no bit of any request`;
  test(title, { tags, timeout: TIMEOUT }, async () => {
    await using session = await FuzzSession.open(device, model);
    await expectNoDifference(session, first, end, device.traits.reduction);
  });
}

async function expectTuned(first: number, end: number): Promise<void> {
  vi.spyOn(Tuning.prototype, 'choose').mockImplementation((kernel, { M, ROWS }) => {
    if (M !== undefined) return inventedMatmulChoice(M);
    if (kernel === 'sample') return inventedChoices.sample;
    // Decode rows whole and in splits, and tiles of prompts, have a choice each.
    return kernel === 'attention' && ROWS === 1 ? {} : inventedChoices.attention;
  });
  await using session = await FuzzSession.open(device, tinyModels[0]!);
  for (let seed = first; seed < end; seed++) expect((await runSchedule(session, seed)).differences).toEqual([]);
}

const tuned = 'a number of rows that takes other variants of the kernels than the solo runs changes no bit';
test(tuned, () => expectTuned(0, QUICK.tuned));
test(`${tuned}: more schedules`, { tags: ['slow'] }, () => expectTuned(QUICK.tuned, ALL.tuned));

describe('in the class gpu, where every second number of rows takes another algorithm than the class prefers,', () => {
  /** Chunks one after another in one lane, where the prior shares them out. */
  const inOneLane = { conditions: { SUBGROUPS: false }, constants: { TILES: 1 } };
  let other: Device;
  beforeAll(async () => {
    other = await Device.open({ reduction: 'gpu' });
  });
  afterAll(() => other.close());

  beforeEach(() => {
    const { choose } = Tuning.prototype;
    vi.spyOn(Tuning.prototype, 'choose').mockImplementation(function (this: Tuning, kernel, sizes) {
      const bucket = sizes.M === undefined ? 0 : MATMUL_BUCKETS.indexOf(bucketOf(MATMUL_BUCKETS, sizes.M));
      return bucket % 2 === 1 ? inOneLane : choose.call(this, kernel, sizes);
    });
  });

  for (const { first, end, tags } of [
    { first: 1000, end: 1000 + QUICK.gpu, tags: [] },
    { first: 1000 + QUICK.gpu, end: 1000 + ALL.gpu, tags: ['slow'] },
  ])
    test(`${end - first} random schedules from seed ${first} on change no bit of any request`, { tags }, async () => {
      await using session = await FuzzSession.open(other, ofGPU);
      await expectNoDifference(session, first, end, 'gpu');
    });

  test('prefill in splits of 32 keys, decode in splits of 64, shows in a difference', async () => {
    const halved = mutant(modelKernels.attention, [
      ['u32(constants::SPLIT_KEYS)', 'u32(constants::SPLIT_KEYS / select(1, 2, constants::ROWS > 1))'],
    ]);
    await using session = await FuzzSession.open(other, ofGPU, { ...modelKernels, attention: halved });
    expect(await firstDifference(session)).not.toBeNull();
  });
});

/** Events that the schedules of npm test and those of the slow tier must have had. */
const LEAST = {
  'steps of chunks and decodes': [70, 150],
  overlapped: [15, 50],
  'steps after two unread': [200, 500],
  preemptions: [12, 30],
  recomputedTokens: [100, 200],
  cachedTokens: [600, 5000],
  aborted: [20, 50],
  failed: [12, 20],
  'steps that failed': [15, 50],
  'for ever': [1, 2],
  'survivors of failures': [12, 10],
  choices: [25, 50],
  'adjusted rows': [300, 500],
  'masked rows': [300, 300],
  'steps of masked and free rows': [50, 100],
  'with logprobs': [25, 50],
  'with prompt logprobs': [15, 40],
  'scores computed': [1000, 2000],
  resumed: [6, 25],
  embeddings: [12, 40],
  'sums that went on': [50, 40],
  'steps that pool and sample': [15, 30],
  'beyond 256': [5, 40],
  'beyond 512': [1, 8],
};

function expectOften(tier: 0 | 1): void {
  const met = Object.entries(totals).map(([key, value]) => `${key} ${value}`);
  for (const [key, least] of Object.entries(LEAST)) {
    expect(totals[key], `${key} of: ${met.join(', ')}`).toBeGreaterThanOrEqual(least[tier]!);
  }
}

const often = 'the schedules had chunks, hits, preemptions, aborts, choices and long contexts, all of them often';
test(often, () => expectOften(0));
test(`${often}: more of them`, { tags: ['slow'] }, () => expectOften(1));

test('a seed is one schedule, which runs the same way again', async () => {
  await using session = await FuzzSession.open(device, tinyModels[0]!);
  for (const seed of [3, 4, 5]) {
    const { counts } = await runSchedule(session, seed);
    expect(await runSchedule(session, seed)).toEqual({ differences: [], counts });
  }
});

describe('a fault shows in a difference:', () => {
  const [model] = tinyModels;

  test('prefill with key tiles of 64, decode with tiles of 32', async () => {
    const wide = mutant(modelKernels.attention, [
      ['const KEYS = constants::KEYS;', 'const KEYS = select(constants::KEYS, 64, constants::ROWS > 1);'],
      [
        'const KEYS_PER_LANE = (constants::KEYS + constants::LANES - 1) / constants::LANES;',
        'const KEYS_PER_LANE = (KEYS + constants::LANES - 1) / constants::LANES;',
      ],
    ]);
    await using session = await FuzzSession.open(device, model!, { ...modelKernels, attention: wide });
    expect(await firstDifference(session)).not.toBeNull();
  });

  test('a hash that is taken for the tokens', async () => {
    await using session = await open(model!);
    const known: CachedBlock[] = [];
    const { add, find } = PrefixCache.prototype;
    vi.spyOn(PrefixCache.prototype, 'add').mockImplementation(function (this: PrefixCache, ...block) {
      known.push(add.apply(this, block));
      return known.at(-1)!;
    });
    vi.spyOn(PrefixCache.prototype, 'find').mockImplementation(function (this: PrefixCache, group, parent, ids) {
      const first = known.find(
        (cached) =>
          cached.parent === parent && cached.group === group && cached.block !== null && this.has(cached.block),
      );
      return first ?? find.call(this, group, parent, ids);
    });
    expect(await firstDifference(session)).not.toBeNull();
  });

  test('a block that is found after others have got it', async () => {
    await using session = await open(model!);
    vi.spyOn(PrefixCache.prototype, 'evict').mockImplementation(() => {});
    expect(await firstDifference(session)).not.toBeNull();
  });

  test('a block of a failed step that is found all the same', async () => {
    await using session = await open(model!);
    vi.spyOn(KVCacheManager.prototype, 'evictAll').mockImplementation(() => {});
    // Few schedules have such a step; it shows in the one of seed 45.
    expect(await firstDifference(session, 45)).not.toBeNull();
  });

  test('a failing step that acquits whom the failure before it started again', async () => {
    await using session = await open(model!);
    const { fail } = BatchScheduler.prototype;
    vi.spyOn(BatchScheduler.prototype, 'fail').mockImplementation(function (this: BatchScheduler, rows) {
      return fail.call(
        this,
        rows.filter(({ sequence, epoch }) => sequence.epoch === epoch),
      );
    });
    expect(await firstDifference(session)).not.toBeNull();
  });

  test('a failing step that ends all requests', async () => {
    await using session = await open(model!);
    const { fail } = BatchScheduler.prototype;
    vi.spyOn(BatchScheduler.prototype, 'fail').mockImplementation(function (this: BatchScheduler, rows) {
      const others = [...alive.get(this)!].map((sequence) => ({ ...rows[0]!, sequence }));
      return fail.call(this, [...rows, ...others]);
    });
    const alive = new WeakMap<BatchScheduler, Set<Sequence>>();
    const { addRequest } = BatchScheduler.prototype;
    vi.spyOn(BatchScheduler.prototype, 'addRequest').mockImplementation(function (this: BatchScheduler, sequence) {
      addRequest.call(this, sequence);
      alive.set(this, (alive.get(this) ?? new Set()).add(sequence));
    });
    expect(await firstDifference(session)).not.toBeNull();
  });

  test('noise that depends on the place in the batch', async () => {
    await using session = await open(model!);
    const { runner } = session;
    const execute = runner.execute.bind(runner);
    vi.spyOn(runner, 'execute').mockImplementation((plan) => {
      const samplingRows = plan.samplingRows.map((row) => ({ ...row, seed: row.seed + row.tokenSlot }));
      return execute({ ...plan, samplingRows });
    });
    expect(await firstDifference(session)).not.toBeNull();
  });
});

describe('a fault of a sliding window shows in a difference:', () => {
  const [model] = llamas;

  test('a key more for a chunk than for a decoded token', async () => {
    await using session = await FuzzSession.open(device, model!, kernelsOfTwoWindows);
    expect(await firstDifference(session)).not.toBeNull();
  });

  test('a block that is given back while a token still sees it', async () => {
    await using session = await open(model!);
    const { slide } = KVCacheManager.prototype;
    const { giveBack } = BlockTable.prototype;
    vi.spyOn(KVCacheManager.prototype, 'slide').mockImplementation(function (this: KVCacheManager, sequence) {
      const early = vi.spyOn(BlockTable.prototype, 'giveBack').mockImplementation(function (this: BlockTable, end) {
        return giveBack.call(this, end > 0 ? end + 1 : 0);
      });
      slide.call(this, sequence);
      early.mockRestore();
    });
    expect(await firstDifference(session)).not.toBeNull();
  });
});

function open(model: FuzzModel): Promise<FuzzSession> {
  return FuzzSession.open(device, model);
}

/** Finds the first seed from `first` on whose schedule differs from the solo runs; null when none does. */
async function firstDifference(session: FuzzSession, first = 0): Promise<number | null> {
  for (let seed = first; seed < first + MOST_FOR_FAULT; seed++) {
    const { differences } = await runSchedule(session, seed);
    if (differences.length > 0) return seed;
  }
  return null;
}
