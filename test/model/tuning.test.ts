// The choice of matmul variants: measured, kept, and never seen in a result.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { matmul } from '../../src/kernels/matmul.ts';
import { loadTuning, matmulShapes, type TuneMode } from '../../src/model/load-tuning.ts';
import { MATMUL_BUCKETS, MatmulTuning, priorChoice } from '../../src/model/matmul-tuning.ts';
import { matmulCandidates, tuneMatmul } from '../../src/model/tune-matmul.ts';
import { openRunner, places, step, TestSequence } from '../support/model-session.ts';
import { mutant } from '../support/mutant.ts';

const DIRECTORY = 'test/fixtures/models/plain';

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

const numbersOf = ({ constants, overrides }: { constants?: object; overrides?: object }) => ({
  ...constants,
  ...overrides,
});

describe('without a measurement', () => {
  const adapters = ['nvidia', 'amd', 'intel', 'apple', 'other'].flatMap((vendor) =>
    [0, 4, 8, 32, 64].flatMap((minSubgroupSize) =>
      [true, false].map((isSoftware) => ({ vendor, minSubgroupSize, isSoftware, immediates: true, timestamps: true })),
    ),
  );

  test.each(adapters)(
    '$vendor with subgroups of $minSubgroupSize, software $isSoftware, gets variants that it can run',
    (traits) => {
      for (const M of MATMUL_BUCKETS) expect(() => matmul.variant(traits, priorChoice(traits, M))).not.toThrow();
    },
  );

  test('a matmul takes the choice of the first bucket that holds its rows, or of the last', () => {
    const choice = { constants: { ROWS: 4 } };
    const tuning = new MatmulTuning(device.traits, [{ M: 4, K: 8, N: 32, choice }]);
    expect([3, 4].map((M) => tuning.choose({ M, K: 8, N: 32 }))).toEqual([choice, choice]);
    expect(tuning.choose({ M: 4, K: 16, N: 32 })).toEqual(priorChoice(device.traits, 4));
    expect(tuning.choose({ M: 5000, K: 8, N: 32 })).toEqual(priorChoice(device.traits, 64));
  });
});

describe('measuring', () => {
  test.each(MATMUL_BUCKETS)('tries the prior of M = %i first and then its neighbours, each once', (M) => {
    const [prior, ...others] = matmulCandidates(matmul, device.traits, M);
    const first = numbersOf(prior ?? {});
    expect(first).toEqual(numbersOf(matmul.variant(device.traits, priorChoice(device.traits, M))));
    for (const other of others) {
      const changed = Object.entries(numbersOf(other)).filter(([name, value]) => value !== Object(first)[name]);
      expect(changed).toHaveLength(1);
    }
    expect(new Set([first, ...others.map(numbersOf)].map((numbers) => JSON.stringify(numbers))).size).toBe(
      1 + others.length,
    );
  });

  test('gives one of the candidates for each shape', async () => {
    const shapes = [
      { M: 1, K: 24, N: 40 },
      { M: 2, K: 23, N: 33 },
    ];
    const done: number[] = [];
    const onProgress = (count: number) => done.push(count);
    const tuned = await tuneMatmul(shapes, { device, kernel: matmul, dtype: 'f16', onProgress });
    expect(tuned).toMatchObject(shapes);
    for (const { M, choice } of tuned) expect(matmulCandidates(matmul, device.traits, M)).toContainEqual(choice);
    expect(done).toEqual([1, 2]);
  });

  test('never takes a variant with other bits than the base variant, however fast', async () => {
    // Wrong with several tiles a lane only; the prior of a software adapter has three.
    const kernel = mutant(matmul, [
      ['acc[t * ROWS + r] = sum;', 'acc[t * ROWS + r] = sum * select(1.0, 1.5, TILES > 1);'],
    ]);
    const [tuned] = await tuneMatmul([{ M: 1, K: 16, N: 96 }], { device, kernel, dtype: 'f32' });
    const { TILES } = kernel.variant(device.traits, tuned?.choice).constants;
    expect(TILES).toBe(1);
  });

  test('ends when its time is up, and leaves what it did not come to', async () => {
    const shape = { M: 1, K: 8, N: 32 };
    expect(await tuneMatmul([shape, shape], { device, kernel: matmul, dtype: 'f32', budget: 0 })).toEqual([]);
  });
});

test('the shapes of a model are those of its weights for every number of rows that it may have', () => {
  const shapes = matmulShapes({ hiddenSize: 8, mlpSize: 32 }, { maxRows: 3, headColumns: [50, 50, 7] });
  expect(shapes.filter(({ M }) => M === 1)).toEqual([
    { M: 1, K: 8, N: 24 },
    { M: 1, K: 8, N: 8 },
    { M: 1, K: 8, N: 32 },
    { M: 1, K: 32, N: 8 },
    { M: 1, K: 8, N: 50 },
    { M: 1, K: 8, N: 7 },
  ]);
  expect(new Set(shapes.map(({ M }) => M))).toEqual(new Set([1, 2, 4]));
});

describe('choices are kept', () => {
  const config = { hiddenSize: 8, mlpSize: 16 };
  const load = async (mode: TuneMode | undefined) => {
    const progress: number[] = [];
    const tuning = await loadTuning(device, config, {
      ...{ mode, kernel: matmul, dtype: 'f16', maxRows: 1, headColumns: [40] },
      onProgress: (numDone) => progress.push(numDone),
    });
    return { tuning, numMeasured: progress.at(-1) ?? 0 };
  };
  const file = async () => join(directory, (await readdir(directory))[0] ?? '');

  test('and read again: only `force` measures twice, and `off` neither measures nor writes', async () => {
    expect((await load('off')).numMeasured).toBe(0);
    expect(await readdir(directory)).toEqual([]);
    expect((await load('on')).numMeasured).toBe(5);
    expect((await load('on')).numMeasured).toBe(0);
    expect((await load('force')).numMeasured).toBe(5);
    expect(await readdir(directory)).toHaveLength(1);
  });

  test('and used', async () => {
    await load('on');
    const entries: unknown[] = JSON.parse(await readFile(await file(), 'utf8'));
    const choice = { constants: { ROWS: 1, TILES: 2, X_LANES: 4 }, overrides: { LANES: 64 } };
    await writeFile(await file(), JSON.stringify(entries.map((entry) => ({ ...Object(entry), choice }))));
    expect((await load('on')).tuning.choose({ M: 1, K: 8, N: 24 })).toEqual(choice);
  });

  test.each([
    ['no JSON', '{'],
    ['no list', '{"M":1}'],
    ['a list of something else', '[1,null,{"M":"1"},{"M":1,"K":8,"N":24,"choice":{"constants":{"ROWS":99}}}]'],
  ])('unless the file has %s: all is measured again', async (_, text) => {
    await load('on');
    await writeFile(await file(), text);
    expect((await load('on')).numMeasured).toBe(5);
  });

  test('where they can be: a directory that can not be made stops nothing', async () => {
    await writeFile(join(directory, 'file'), '');
    vi.stubEnv('ROSEINFER_CACHE', join(directory, 'file', 'cache'));
    expect((await load('on')).numMeasured).toBe(5);
  });

  test('by a software adapter only when it is told to', async () => {
    if (!device.traits.isSoftware) return;
    expect((await load(undefined)).numMeasured).toBe(0);
  });
});

test('logits have the same bits with tuning off, on and forced', async () => {
  const bits = async (tune: TuneMode): Promise<Uint32Array[]> => {
    await using runner = await openRunner(device, DIRECTORY, {
      dtype: 'f16',
      tune,
      maxBatchSize: 1,
      maxBatchTokens: 1,
    });
    const sequence = new TestSequence([1, 5, 9, 2], places(runner, 1, 16)[0]!);
    for (let i = 0; i < 8; i++) await step(runner, [sequence], 1);
    return sequence.logits.map((row) => new Uint32Array(row.slice().buffer));
  };
  const off = await bits('off');
  expect(off).toHaveLength(5);
  expect(await bits('force')).toEqual(off);
  expect(await bits('on')).toEqual(off);
});
