// Models of GGUF files on the GPU, each tensor stored as its type asks for. Where that is exact they have the golden logits; where it rounds,
// those of the float64 reference on weights rounded the same way.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Device } from '../../../src/gpu/device.ts';
import { expectClose } from '../../support/approx.ts';
import { ggufReference } from '../../support/models/gguf-reference.ts';
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
  ({ features, i: place }) => {
    const tags = features === 'base' ? ['slow'] : [];
    const logits = async (name: string, prompt: number) => {
      const path = `test/fixtures/gguf/${name}.gguf`;
      await using runner = await openRunner(devices[place]!, path, { maxBatchSize: 1, maxLogitsRows: 300 });
      return await logitsOfAll(runner, GOLDEN.get(`${name}.ids.${prompt}`)!);
    };

    test.each(['smol-f16', 'smol-q4_1', 'llama3-q8_0', 'qwen3-f16'])(
      '%s has the golden logits',
      { tags },
      async (name) => {
        for (const prompt of [0, 1]) {
          const want = GOLDEN.get(`${name}.logits.${prompt}`)!;
          expectClose(await logits(name, prompt), want, tolerance(want), `${name} logits ${prompt}`);
        }
      },
    );

    test('smol-q4_k has the logits of its weights, those of Q6_K rounded to f16', { tags }, async () => {
      const reference = await ggufReference('test/fixtures/gguf/smol-q4_k.gguf', true);
      const golden = GOLDEN.get('smol-q4_k.logits.1')!;
      const { logits: want } = reference.forward(GOLDEN.get('smol-q4_k.ids.1')!);
      const got = await logits('smol-q4_k', 1);
      expectClose(got, want, tolerance(want), 'smol-q4_k');
      const distance = got.reduce((worst, value, i) => Math.max(worst, Math.abs(value - golden[i]!)), 0);
      console.log(`smol-q4_k: ${distance.toPrecision(2)} from the logits of unrounded weights`);
      expect(distance).toBeGreaterThan(tolerance(golden).abs); // else f16 would be no rounding
    });
  },
);
