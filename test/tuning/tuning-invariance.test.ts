// Invariance under tuning: a request's logits and ids are the same whichever variants run, and whatever else is in its
// step.
// @module-tag sweep
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../src/gpu/device.ts';
import { matmul, matmulKVWrite } from '../../src/kernels/matmul/matmul.ts';
import { MATMUL_BUCKETS } from '../../src/kernels/matmul/tuning.ts';
import { WEIGHT_DTYPES, type WeightDType } from '../../src/kernels/weights/weight-tiles.ts';
import type { ModelDefinition } from '../../src/models/architecture.ts';
import { type ModelKernels, modelKernels } from '../../src/models/kernels.ts';
import { parseModel, readModel } from '../../src/models/registry.ts';
import { modelWork } from '../../src/runtime/model-work.ts';
import { type RunnerOptions, resolveSizes } from '../../src/runtime/runtime-sizes.ts';
import type { TuneMode } from '../../src/tuning/load-tuning.ts';
import { listTunables, type Tunable } from '../../src/tuning/tunables.ts';
import { tuneKernel } from '../../src/tuning/tune-kernel.ts';
import { TuningFile } from '../../src/tuning/tuning-file.ts';
import { matmulOfOtherOrder } from '../support/kernels/matmul-mutants.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { inventedChoices, inventedMatmulChoice } from '../support/models/invented-choices.ts';
import { openRunner, places, step, TestSequence } from '../support/models/model-session.ts';
import { tuningCacheOfEachTest } from '../support/models/tuning-cache.ts';

const DIRECTORY = 'test/fixtures/models/plain';
/** Largest number of rows in a step of the tests: hundreds of sequences would take minutes. */
const MAX_ROWS = 65;
/** Rows of a step on both sides of every number up to which matmuls take one choice, as far as MAX_ROWS. */
const ROWS = [...new Set(MATMUL_BUCKETS.flatMap((rows) => [rows, rows + 1]))].filter((rows) => rows <= MAX_ROWS);
/** One sequence more than the largest bucket, each with a prompt, an id for each of ROWS, and some room. */
const sizes = { maxBatchSize: Math.max(...ROWS), maxModelLen: 96, maxBatchTokens: 96, blockSize: 16 };
const promptIds = Array.from({ length: 66 }, (_, i) => (37 * i * i + 11) % 319);

let device: Device;
beforeAll(async () => {
  device = await Device.open();
});
afterAll(() => device.close());
tuningCacheOfEachTest();

/** Results of a request: its ids, and the words of the logits that each was drawn from. */
interface Answer {
  readonly ids: readonly number[];
  readonly logits: readonly Uint32Array[];
}

interface Case {
  readonly dtype: WeightDType;
  readonly kernels?: ModelKernels;
}

/**
 * Runs a request alone, then beside enough others for ROWS rows a step, one count after another; its prompt in chunks
 * then.
 */
async function answers(
  storage: Case,
  tune: TuneMode,
): Promise<{ alone: Answer; batched: Answer; numMeasured: number }> {
  let numMeasured = 0;
  const onTuned = (numDone: number) => {
    numMeasured = numDone;
  };
  await using runner = await openRunner(device, DIRECTORY, { ...sizes, ...storage, tune, onTuned });
  const [ownPlace, ...otherPlaces] = places(runner, sizes.maxBatchSize, sizes.maxModelLen, 7);
  const sampling = { temperature: 0.8, topK: 40, topP: 0.95, seed: 5 };
  const alone = new TestSequence(promptIds, ownPlace!, sampling);
  for (const _ of ROWS) await step(runner, [alone]);
  const batched = new TestSequence(promptIds, ownPlace!, sampling);
  const others = otherPlaces.map((place, i) => new TestSequence([(11 * i) % 319], place, { temperature: 1, seed: i }));
  while (batched.ids.length === 0) await step(runner, [others[0]!, batched], 25);
  for (const rows of ROWS.slice(1)) await step(runner, [...others.slice(1, rows), batched]);
  return { alone: answerOf(alone), batched: answerOf(batched), numMeasured };
}

function answerOf({ ids, logits }: TestSequence): Answer {
  return { ids, logits: logits.map((row) => new Uint32Array(row.slice().buffer)) };
}

function tunablesOf(model: ModelDefinition, options: RunnerOptions & { kernels?: ModelKernels }): readonly Tunable[] {
  const resolved = resolveSizes(model.config, options, 'f32', device);
  return listTunables(device, modelWork(device, model, resolved, options.kernels));
}

/** Writes the invented choices as if they had been measured. */
async function pretendToHaveMeasured(storage: Case): Promise<void> {
  for (const tunable of tunablesOf(await readModel(DIRECTORY), { ...sizes, ...storage })) {
    const { kernel } = tunable;
    const tuned = tunable.sizes.map((each) => {
      const { attention, sample } = inventedChoices;
      const other = kernel.name === 'sample' ? sample : attention;
      const choice = each.M === undefined ? other : inventedMatmulChoice(each.M);
      return { kernel: kernel.name, sizes: each, choice };
    });
    const file = await TuningFile.of(device, tunable);
    await file.write(tuned);
    expect(await file.read()).toEqual(tuned);
  }
}

// A choice says nothing of the storage, so that npm test runs it with the bundled model's alone.
describe.each(WEIGHT_DTYPES)('weights of %s:', (dtype) => {
  const tags = dtype === 'f16' ? [] : ['slow'];
  test('ids and logits are equal with tuning off and on, alone and among 1 to 65 rows', { tags }, async () => {
    const off = await answers({ dtype }, 'off');
    expect(off.alone.ids).toHaveLength(ROWS.length);
    expect(off.batched).toEqual(off.alone);
    await pretendToHaveMeasured({ dtype });
    const on = await answers({ dtype }, 'on');
    expect(on.numMeasured).toBe(0);
    expect(on.alone).toEqual(off.alone);
    expect(on.batched).toEqual(off.alone);
  });
});

test('ids and logits are equal with tuning forced, and with its choices read again', async () => {
  const storage = { dtype: 'f16' } as const;
  const one = { ...storage, maxBatchSize: 1, maxBatchTokens: 1 };
  const bits = async (tune: TuneMode) => {
    await using runner = await openRunner(device, DIRECTORY, { ...one, tune });
    const sequence = new TestSequence(promptIds.slice(0, 3), places(runner, 1, 16)[0]!);
    for (let i = 0; i < 8; i++) await step(runner, [sequence], 1);
    return answerOf(sequence);
  };
  const off = await bits('off');
  expect(off.ids).toHaveLength(6);
  expect(await bits('force')).toEqual(off);
  expect(await bits('on')).toEqual(off);
});

describe('a fault of some variants', () => {
  /** Those of every second bucket, and the base variant. */
  const isFaulty = 'TILES == 1';
  const turned = matmulOfOtherOrder(isFaulty);
  const scaled = mutant(matmul, [['rows[0], sum))));', `rows[0], sum)))) * select(1.0, 1.01, ${isFaulty});`]]);

  test('that sums in another order changes the logits where these are forced in', () => expectChange('logits', turned));

  // Ids are drawn from logits, which are compared with every bit above.
  test('that is coarsely wrong changes the ids where these are forced in', { tags: ['slow'] }, () =>
    expectChange('ids', scaled),
  );

  async function expectChange(what: 'logits' | 'ids', kernel: ModelKernels['matmul']): Promise<void> {
    const storage = { dtype: 'f16', kernels: { ...modelKernels, matmul: kernel } } as const;
    await pretendToHaveMeasured(storage);
    const { alone, batched, numMeasured } = await answers(storage, 'on');
    expect(numMeasured).toBe(0);
    expect(batched[what]).not.toEqual(alone[what]);
  }

  const [sumOfQ, sumOfKV] = ['(*sums)[t * ROWS + r][j] + bias_of_n', '(*sums)[t * ROWS + r] + biases'] as const;
  const scaledSum = (sum: string) => mutant(matmulKVWrite, [[sum, `(${sum}) * select(1.0, 1.001, ${isFaulty})`]]);

  for (const [fault, right, wrong] of [
    ['sums in another order', matmul, turned],
    ['scales queries', matmulKVWrite, scaledSum(sumOfQ)],
    ['scales keys and values', matmulKVWrite, scaledSum(sumOfKV)],
  ] as const) {
    const tags = fault === 'scales queries' ? ['slow'] : [];
    const title = `that ${fault} is found by the tuner, which takes none of the others, however fast`;
    test(title, { tags }, async () => {
      const config = { n_layer: 1, n_head: 2, n_embd: 64, n_inner: 64, vocab_size: 64, n_positions: 8 };
      const model = parseModel({ model_type: 'gpt2', ...config }, 'small');
      const tunables = tunablesOf(model, { kvDtype: 'f16', maxBatchSize: 1, maxBatchTokens: 1 });
      const tunable = tunables.find(({ kernel }) => kernel === right)!;
      const candidates = [2, 1].map(inventedMatmulChoice);
      const tune = (kernel: Tunable['kernel']) =>
        tuneKernel(device, { ...tunable, kernel, candidates: () => candidates }, { ...tunable.sizes[0] });
      expect(await tune(wrong)).toEqual(inventedMatmulChoice(1));
      expect(candidates).toContainEqual(await tune(right));
    });
  }
});
