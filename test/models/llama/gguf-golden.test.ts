// Models of GGUF files on the GPU, each tensor stored as its type asks for, which is exact: they have the golden logits.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../../src/gpu/device.ts';
import '../../../src/testing/vitest.ts';
import { GOLDEN_DEVICES, tolerance } from '../../support/models/golden.ts';
import { logitsOfAll, openRunner } from '../../support/models/model-session.ts';
import { readSafetensors } from '../../support/models/read-safetensors.ts';

let devices: readonly Device[];
beforeAll(async () => {
  devices = await Promise.all(GOLDEN_DEVICES.map((options) => Device.open(options)));
});
afterAll(() => {
  for (const each of devices) each.close();
});

const GOLDEN = readSafetensors('test/fixtures/gguf/golden.safetensors');

describe.each(GOLDEN_DEVICES.map((options, i) => ({ ...options, i })))(
  'with $features features in class $reduction',
  ({ features, reduction, i: place }) => {
    const logits = async (name: string, prompt: number) => {
      const path = `test/fixtures/gguf/${name}.gguf`;
      await using runner = await openRunner(devices[place]!, path, { maxBatchSize: 1, maxLogitsRows: 300 });
      return await logitsOfAll(runner, GOLDEN.get(`${name}.ids.${prompt}`)!);
    };

    for (const name of ['smol-f16', 'smol-q4_1', 'smol-q4_k', 'llama3-q8_0', 'qwen3-f16']) {
      // How a file's types are stored is the same in either class, whose kernels other tests have in every storage.
      const isQuick = features === 'auto' && (reduction === 'software' || name === 'smol-q4_k');
      test(`${name} has the golden logits`, { tags: isQuick ? [] : ['slow'] }, async () => {
        for (const prompt of [0, 1]) {
          const want = GOLDEN.get(`${name}.logits.${prompt}`)!;
          expect(await logits(name, prompt)).toBeWithin(want, tolerance(want), { label: `${name} logits ${prompt}` });
        }
      });
    }
  },
);
