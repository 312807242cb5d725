// GPT-2 on the GPU against goldens of Hugging Face and the float64 reference: logits within a stated tolerance, greedy
// ids equal.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../../src/gpu/device.ts';
import { logSoftmax } from '../../../src/reference/operators.ts';
import type { ModelRunner } from '../../../src/runtime/model-runner.ts';
import '../../../src/testing/vitest.ts';
import { storedWeight } from '../../support/kernels/stored-weight.ts';
import { expectGoldenLogits, expectGreedy, GOLDEN_DEVICES, tolerance } from '../../support/models/golden.ts';
import { logitsOfAll, openRunner } from '../../support/models/model-session.ts';
import { readSafetensors } from '../../support/models/read-safetensors.ts';
import { loadReferenceModel } from '../../support/models/reference-model.ts';

let devices: readonly Device[];
let device: Device;
beforeAll(async () => {
  devices = await Promise.all(GOLDEN_DEVICES.map((options) => Device.open(options)));
  device = await Device.open();
});
afterAll(() => {
  for (const each of [device, ...devices]) each.close();
});

/**
 * Fixtures that npm test leaves in part to the slow tier: their kernels without optional features, in class gpu and with rounded
 * weights are others' in all but sizes, which the tables of the kernels have.
 */
const SLOW = {
  base: ['odd', 'two', 'legacy', 'sharded', 'untied'],
  gpu: ['two', 'legacy', 'sharded'],
  rounded: ['odd', 'two', 'legacy', 'sharded'],
};

describe.each(['plain', 'odd', 'two', 'untied', 'legacy', 'sharded'])('fixture model %s', (name) => {
  const directory = `test/fixtures/models/${name}`;
  const golden = readSafetensors(`${directory}/golden.safetensors`);
  const { greedy } = JSON.parse(readFileSync(`${directory}/golden.json`, 'utf8'));

  describe.each(GOLDEN_DEVICES.map((options, i) => ({ ...options, i })))(
    'with $features features in class $reduction',
    ({ features, reduction, i: place }) => {
      const isSlow =
        (features === 'base' && SLOW.base.includes(name)) || (reduction === 'gpu' && SLOW.gpu.includes(name));
      const tags = isSlow ? ['slow'] : [];
      test('has the golden logits at every position', { tags }, () =>
        expectGoldenLogits(devices[place]!, directory, golden),
      );
    },
  );

  test('continues greedily as the golden does', async () => {
    await using runner = await openRunner(device, directory, { maxBatchSize: 1 });
    expect(await expectGreedy(runner, greedy, name)).toBeGreaterThan(0);
  });

  test.each(['f16', 'q8'] as const)(
    'with %s weights has the logits of the reference whose matrices are stored so',
    { tags: SLOW.rounded.includes(name) ? ['slow'] : [] },
    async (dtype) => {
      const ids = golden.get('ids.1')!;
      await using runner = await openRunner(device, directory, { dtype, maxBatchSize: 1, maxLogitsRows: ids.length });
      const reference = loadReferenceModel(directory, (tensor, data, rows) => {
        if (!tensor.endsWith('.weight') || /ln_|wpe/.test(tensor)) return data;
        const along = /wte|lm_head/.test(tensor) ? 'rows' : 'columns';
        const columns = data.length / rows;
        return Float64Array.from(storedWeight(dtype, Float32Array.from(data), { rows, columns, along }));
      });
      const want = reference.forward(ids).logits;
      expect(await logitsOfAll(runner, ids)).toBeWithin(want, tolerance(want), {
        label: `${name} logits 1 in ${dtype}`,
      });
    },
  );
});

describe('tales', () => {
  const golden = readSafetensors('test/fixtures/tales/golden.safetensors');
  const { greedy } = JSON.parse(readFileSync('test/fixtures/tales/golden.json', 'utf8'));
  const long = golden.get('long.ids')!;
  let runner: ModelRunner;
  beforeAll(async () => {
    runner = await openRunner(device, 'weights/tales', { maxBatchSize: 1, maxLogitsRows: long.length });
  });
  afterAll(() => runner.close());

  test('has the golden logits of every prompt, and those of the float64 reference', async () => {
    const reference = loadReferenceModel('weights/tales');
    for (let i = 0; i < greedy.length; i++) {
      const ids = golden.get(`ids.${i}`)!;
      const got = await logitsOfAll(runner, ids);
      const want = golden.get(`logits.${i}`)!;
      expect(got).toBeWithin(want, tolerance(want), { label: `tales logits ${i}` });
      expect(got).toBeWithin(reference.forward(ids).logits, tolerance(want), {
        label: `tales logits ${i} by the reference`,
      });
    }
  });

  const titleOfGreedy = 'continues prompt %d greedily for 96 tokens as the golden does';
  test.each([0, 1])(titleOfGreedy, expectContinuation);
  test.each([2, 3, 4])(titleOfGreedy, { tags: ['slow'] }, expectContinuation);

  async function expectContinuation(i: number): Promise<void> {
    const { prompt_ids: prompt, completion_ids: completion, gap, logprob } = greedy[i];
    expect(completion.length).toBe(96);
    await expectGreedy(runner, { prompt, completion, gap, logprob }, `tales greedy ${i}`);
  }

  test('has the golden logprobs and logits of a text of 700 tokens', async () => {
    const logits = await logitsOfAll(runner, long);
    const V = runner.limits.vocabSize;
    const row = (t: number) => Float64Array.from(logits.subarray(t * V, (t + 1) * V));
    const logprobs = Float64Array.from(long.subarray(1), (id, t) => logSoftmax(row(t))[id]!);
    const want = golden.get('long.logits_at_255_256_511_512_699')!;
    const { abs } = tolerance(want);
    const chosen = [255, 256, 511, 512, 699].flatMap((t) => [...row(t)]);
    expect(chosen).toBeWithin(want, { abs }, { label: 'tales long logits' });
    // A logprob is a logit minus a log-sum of logits: twice a logit's tolerance.
    expect(logprobs).toBeWithin(golden.get('long.logprobs')!, { abs: 2 * abs }, { label: 'tales long logprobs' });
  });
});
