// Quality of stored weights on the bundled model: their perplexity stays near that of f32.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { measureWeightQuality } from '../../../bench/experiments/weight-quality.ts';

test('f16, q8 and q4 weights predict a held-out text of tales nearly as f32 does', async () => {
  const text = readFileSync('test/fixtures/tales-heldout-part.txt', 'utf8');
  const [f32, f16, q8, q4] = await measureWeightQuality({ text, window: 128, maxTokens: 385 });
  expect(f32).toMatchObject({ dtype: 'f32', tokens: 384, kl: 0 });
  expect(f32!.perplexity).toBeGreaterThan(10);
  // Promises of the storage types; f16 is the type of the file, so it loses nothing.
  expect(f16!.kl).toBeLessThanOrEqual(1e-4);
  expect(q8!.kl).toBeLessThanOrEqual(1e-2);
  expect(q8!.perplexityIncrease).toBeLessThanOrEqual(0.01);
  expect(q4!.kl).toBeLessThanOrEqual(0.1);
  expect(q4!.kl).toBeGreaterThan(q8!.kl);
  // The measure sees that q8 is not f32.
  expect(q8!.kl).toBeGreaterThan(1e-6);
  expect(q8!.perplexity).not.toBe(f32!.perplexity);
});

test.each([
  ['', 128, 'number of tokens of --text is 0, expected at least 2'],
  ['king', 128, 'number of tokens of --text is 1, expected at least 2'],
  ['The king had', 1025, "--window is 1025, expected at most 1024, the model's positions"],
])('the text %j in windows of %i is refused', async (text, window, message) => {
  await expect(measureWeightQuality({ text, window })).rejects.toThrow(message);
});
