// Embeddings on a GPU: those of the float64 reference, and the same bits alone, in batches, in chunks, from the cache and after
// preemptions.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelLimits, Runner } from '../../src/core/runner.ts';
import type { Pooling } from '../../src/core/sequence.ts';
import { Engine } from '../../src/engine/engine.ts';
import { RequestFailedError } from '../../src/engine/errors.ts';
import { Device } from '../../src/gpu/device.ts';
import { poolHidden } from '../../src/kernels/pool-hidden/pool-hidden.ts';
import { load } from '../../src/load.ts';
import { modelKernels } from '../../src/models/kernels.ts';
import type { ModelRunner } from '../../src/runtime/model-runner.ts';
import '../../src/testing/vitest.ts';
import { mutant } from '../support/kernels/mutant.ts';
import { openRunner } from '../support/models/model-session.ts';
import { loadReferenceLlama } from '../support/models/reference-llama.ts';
import { loadReferenceModel } from '../support/models/reference-model.ts';

const text = (seed: number, length: number) => Array.from({ length }, (_, i) => (seed + 7 * i * i + 3 * i) % 300);
/** Prompts across a split of 256 keys where the model has positions for it, short ones, and one of a single id. */
const LENGTHS = [271, 43, 1, 64];
const POOLINGS = ['mean', 'last'] as const;

/** The class gpu pools as the other does: it has the second model in the slow tier. */
const MODELS = [
  { name: 'test/fixtures/models/plain', maxModelLen: 128, reference: loadReferenceModel, slowIn: null },
  { name: 'test/fixtures/models/mistral', maxModelLen: 280, reference: loadReferenceLlama, slowIn: 'gpu' },
];

/** A runner with tighter limits. */
function within(runner: Runner, limits: Partial<ModelLimits>): Runner {
  const { eosIds } = runner;
  return {
    limits: { ...runner.limits, ...limits },
    eosIds,
    execute: (plan) => runner.execute(plan),
    close: async () => {},
  };
}

/**
 * Bound of an element of a hidden state after the last norm, and of a mean of T of them: the longest chain of roundings goes through
 * sums of C, D, T, H · D, C and F in each layer, then over T tokens. Each rounding is 2^-24 of a sum of magnitudes below
 * 2 · (1 + max), and roundings that go both ways add up to the root of their number: 8 times it is allowed.
 */
function bound(want: Float64Array, { config }: { config: { numLayers: number; hiddenSize: number; mlpSize: number } }) {
  const { numLayers, hiddenSize: C, mlpSize: F } = config;
  const roundings = numLayers * (3 * C + 32 + 32 + F) + C + LENGTHS[0]!;
  const greatest = want.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return { abs: 8 * Math.sqrt(roundings) * 2 ** -24 * 2 * (1 + greatest) };
}

/** The mean, or the last, of the final hidden states of a reference. */
function pooled(hidden: Float64Array, C: number, pooling: Pooling): Float64Array {
  const T = hidden.length / C;
  const first = pooling === 'mean' ? 0 : T - 1;
  return Float64Array.from({ length: C }, (_, c) => {
    let sum = 0;
    for (let t = first; t < T; t++) sum += hidden[t * C + c]!;
    return sum / (T - first);
  });
}

const bitsOf = (embedding: Float32Array) => new Uint32Array(embedding.buffer, embedding.byteOffset, embedding.length);

const CASES = (['software', 'gpu'] as const).flatMap((reduction) =>
  MODELS.map((model) => ({ ...model, reduction, tags: model.slowIn === reduction ? ['slow'] : [] })),
);

for (const { name, maxModelLen, reference, reduction, tags } of CASES)
  describe(`embeddings of ${name} in the class ${reduction}`, { tags }, () => {
    const prompts = LENGTHS.filter((length) => length <= maxModelLen).map((length, seed) => text(seed, length));
    const requests = prompts.flatMap((promptIds) => POOLINGS.map((pooling) => ({ promptIds, pooling })));
    let device: Device;
    let runner: ModelRunner;
    /** Bits of each request alone, without a cache. */
    let alone: Uint32Array[];
    beforeAll(async () => {
      device = await Device.open({ reduction });
      runner = await openRunner(device, name, { maxModelLen, maxBatchTokens: maxModelLen, maxBatchSize: 4 });
      await using engine = new Engine({ runner, prefixCache: false, scheduler: 'naive', overlap: false });
      alone = [];
      for (const request of requests) alone.push(bitsOf((await engine.embed(request)).embedding));
    });
    afterAll(async () => {
      await runner.close();
      device.close();
    });

    test('are those of the float64 reference', async () => {
      const model = reference(name);
      const { hiddenSize: C } = model.config;
      await using engine = new Engine({ runner });
      for (const { promptIds, pooling } of requests) {
        const { embedding } = await engine.embed({ promptIds, pooling });
        const want = pooled(model.forward(promptIds, { logitsRows: [] }).hidden.at(-1)!, C, pooling);
        expect(embedding).toBeWithin(want, bound(want, model), { label: `${pooling} of ${promptIds.length}` });
      }
    });

    test('have the bits that they have alone, in chunks, and among requests that generate', async () => {
      const settings: Partial<ModelLimits>[] = [{}, { maxBatchTokens: 4 }, { maxBatchTokens: 37, maxBatchSize: 3 }];
      let numMixed = 0;
      for (const limits of settings) {
        const onStep = ({ rows }: { rows: readonly { samples: boolean; requestId: string }[] }) => {
          numMixed +=
            rows.some(({ samples }) => samples) && rows.some(({ requestId }) => requestId.startsWith('e')) ? 1 : 0;
        };
        await using engine = new Engine({
          runner: within(runner, limits),
          queuePolicy: 'priority',
          observers: [{ onStep }],
        });
        const embeddings = engine.embedBatch(
          requests.map((request, i) => ({ ...request, requestId: `e${i}`, priority: i % 3 })).toReversed(),
        );
        const texts = engine.generateBatch(
          prompts
            .slice(1)
            .map((promptIds, seed) => ({ promptIds, sampling: { maxTokens: 24, seed }, priority: seed % 2 })),
        );
        for (const [i, { embedding }] of (await embeddings).toReversed().entries()) {
          const { promptIds, pooling } = requests[i]!;
          const label = `${JSON.stringify(limits)}, ${pooling} of ${promptIds.length}`;
          expect(bitsOf(embedding), label).toEqual(alone[i]);
        }
        await texts;
      }
      expect(numMixed).toBeGreaterThan(4);
    });

    test('have the same bits where the cache has their blocks', async () => {
      await using engine = new Engine({ runner });
      await engine.embedBatch(requests);
      for (const [i, request] of requests.entries()) {
        const { embedding, cachedTokens } = await engine.embed(request);
        const numFull = Math.floor((request.promptIds.length - 1) / 16) * 16;
        expect(cachedTokens).toBe(request.pooling === 'last' ? numFull : 0);
        expect(bitsOf(embedding)).toEqual(alone[i]);
      }
    });
  });

test.each(POOLINGS)('the %s has the same bits after a preemption, which computes its prompt again', async (pooling) => {
  using device = await Device.open();
  await using runner = await openRunner(device, 'test/fixtures/models/plain', { maxModelLen: 128, maxBatchSize: 4 });
  const request = { promptIds: text(1, 64), pooling };
  await using engine = new Engine({ runner, prefixCache: false });
  const { embedding: alone } = await engine.embed(request);
  await engine.close();
  // Of seven blocks of 16 the embedding has four and the text two, of which it needs two more before the embedding is there.
  const limits = { maxBatchTokens: 3, numBlocks: 7 };
  await using tight = new Engine({ runner: within(runner, limits), queuePolicy: 'priority', prefixCache: false });
  const generated = tight.generate({ promptIds: text(2, 31), sampling: { maxTokens: 40, seed: 1 }, priority: 0 });
  const { embedding, preemptions } = await tight.embed({ ...request, priority: 1 });
  expect(preemptions).toBeGreaterThan(0);
  expect(bitsOf(embedding)).toEqual(bitsOf(alone));
  await generated;
});

describe('on the default device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await Device.open();
  });
  afterAll(() => device.close());

  test('the tales model has the embeddings of the reference, through load', async () => {
    const model = loadReferenceModel('weights/tales');
    await using llm = await load('weights/tales', { dtype: 'f32', maxBatchSize: 2, maxModelLen: 128 });
    const stories = ['Once upon a time there was a king.', 'The old woman went to the wood'];
    const [one, two] = await llm.embed(stories);
    for (const [i, each] of [one, two].entries()) {
      const ids = llm.tokenizer.encode(stories[i]!);
      expect(each?.promptTokens).toBe(ids.length);
      const { hidden } = model.forward(ids, { logitsRows: [] });
      const want = pooled(hidden.at(-1)!, model.config.hiddenSize, 'mean');
      expect(each?.embedding).toBeWithin(want, bound(want, model), { label: stories[i]! });
    }
    const alone = await llm.embed({ prompt: stories[0]!, pooling: 'last' }, { pooling: 'mean', normalize: true });
    const { hidden } = model.forward(llm.tokenizer.encode(stories[0]!), { logitsRows: [] });
    const last = pooled(hidden.at(-1)!, model.config.hiddenSize, 'last');
    const length = Math.hypot(...last);
    const want = last.map((value) => value / length);
    expect(alone.embedding).toBeWithin(want, bound(want, model), { label: 'last, of length 1' });
    expect(Math.hypot(...alone.embedding)).toBeCloseTo(1, 6);
    for (const [given, message] of [
      [[7], 'prompt is 7, expected text, a request, or a list of these'],
      [['a', { pooling: 'sum' }], 'key of options of embed is "dimensions"'],
    ] as const) {
      const options = typeof given[0] === 'string' ? { dimensions: 3 } : {};
      await expect(Reflect.apply(llm.embed, llm, [given[0], options])).rejects.toThrow(message);
    }
    await expect(llm.embed([{ prompt: 'a' }, { prompt: 'b', promptIds: [1] }])).rejects.toThrow(
      'request is "with both"',
    );
  });

  test('a sum that starts anew with each chunk shows in the bits of a prompt in chunks', async () => {
    const faulty = mutant(poolHidden, [['rows[row + IS_CONTINUED] != 0u', 'false']]);
    const kernels = { ...modelKernels, poolHidden: faulty };
    await using runner = await openRunner(device, 'test/fixtures/models/plain', {
      maxBatchSize: 2,
      maxModelLen: 64,
      kernels,
    });
    const embed = async (maxBatchTokens: number) => {
      await using engine = new Engine({ runner: within(runner, { maxBatchTokens }) });
      return bitsOf((await engine.embed({ promptIds: text(1, 40) })).embedding);
    };
    expect(await embed(8)).not.toEqual(await embed(64));
  });

  test('hidden states that are not finite end their request alone', async () => {
    const infinite = mutant(poolHidden, [
      ['sums[at] = sum;', 'sums[at] = sum * select(1.0, 3.4e38, end == 41u) * 10.0;'],
    ]);
    const kernels = { ...modelKernels, poolHidden: infinite };
    await using runner = await openRunner(device, 'test/fixtures/models/plain', {
      maxBatchSize: 2,
      maxModelLen: 64,
      kernels,
    });
    await using engine = new Engine({ runner });
    const [broken, right] = await Promise.allSettled([
      engine.embed({ promptIds: text(1, 41), requestId: 'a' }),
      engine.embed({ promptIds: text(2, 5) }),
    ]);
    expect(broken).toMatchObject({ reason: new RequestFailedError('a', 'hidden states of the prompt are not finite') });
    expect(right.status).toBe('fulfilled');
  });

  test('a device that is lost ends them', async () => {
    const own = await Device.open();
    await using runner = await openRunner(own, 'test/fixtures/models/plain', { maxBatchSize: 2, maxModelLen: 64 });
    await using engine = new Engine({ runner });
    const embedding = engine.embed({ promptIds: text(1, 40), requestId: 'a' }).catch((error: unknown) => error);
    own.gpu.destroy();
    expect(await embedding).toBeInstanceOf(RequestFailedError);
    await expect(engine.embed({ promptIds: [1] })).rejects.toThrow('runner can run no more steps');
    own.close();
  });
});
