// The Llama family on the GPU against goldens of Hugging Face and the float64 reference: logits within a stated tolerance, greedy
// ids equal.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../../src/gpu/device.ts';
import { expectGoldenLogits, expectGreedy, GOLDEN_DEVICES } from '../../support/models/golden.ts';
import { openRunner } from '../../support/models/model-session.ts';
import { readSafetensors } from '../../support/models/read-safetensors.ts';

let devices: readonly Device[];
beforeAll(async () => {
  devices = await Promise.all(GOLDEN_DEVICES.map((options) => Device.open(options)));
});
afterAll(() => {
  for (const each of devices) each.close();
});

const FIXTURES = ['llama-plain', 'llama3', 'mistral', 'qwen2', 'qwen3', 'smol', 'llama-bias', 'yarn'];

/** Fixtures that npm test runs without optional features; the others' kernels there are theirs in all but sizes and windows. */
const BASE = ['qwen3'];
/** Fixtures that it runs in class gpu; the others differ from these in their configuration, and in no kernel. */
const IN_GPU = ['llama-plain', 'mistral', 'qwen3'];

describe.each(FIXTURES)('fixture model %s', (name) => {
  const directory = `test/fixtures/models/${name}`;
  const golden = readSafetensors(`${directory}/golden.safetensors`);
  const { greedy } = JSON.parse(readFileSync(`${directory}/golden.json`, 'utf8'));

  describe.each(GOLDEN_DEVICES.map((options, i) => ({ ...options, i })))(
    'with $features features in class $reduction',
    ({ features, reduction, i: place }) => {
      const isQuick = (features !== 'base' || BASE.includes(name)) && (reduction !== 'gpu' || IN_GPU.includes(name));
      const tags = isQuick ? [] : ['slow'];
      test('has the golden logits at every position', { tags }, () =>
        expectGoldenLogits(devices[place]!, directory, golden),
      );
    },
  );

  test('continues greedily as the golden does', async () => {
    await using runner = await openRunner(devices[0]!, directory, { maxBatchSize: 1 });
    expect(await expectGreedy(runner, greedy, name)).toBeGreaterThan(0);
  });
});
