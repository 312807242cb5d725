// The float64 sampler against Hugging Face's logits processors: probabilities are compared, and draws by their
// distribution.
import { describe, expect, test } from 'vitest';
import { adjustLogits, gumbelSample, processLogits, type SamplingFilters } from '../../src/reference/sampling.ts';
import '../../src/testing/vitest.ts';
import { samplingFixtures } from '../support/sampling-fixtures.ts';

const OFF: SamplingFilters = { temperature: 1, topK: 0, topP: 1, minP: 0 };
const logitsOf = (...probs: number[]) => Float64Array.from(probs, Math.log);

describe('adjustLogits and processLogits', () => {
  test.each(samplingFixtures)('equal Hugging Face: $name', ({ name, logits, penalties, filters, probs }) => {
    // Stored as float32: half a unit in the last place, or of the smallest subnormal; 1e-12 for 50257-term sums.
    const got = processLogits(adjustLogits(logits, penalties), filters);
    expect(got).toBeWithin(probs, { rel: 2 ** -24 + 1e-12, abs: 2 ** -150 }, { label: name });
  });

  test('the fixture covers every parameter', () => {
    const keys = samplingFixtures.flatMap(({ stated }) => stated);
    expect(samplingFixtures.length).toBe(43);
    const parameters = ['temperature', 'top_k', 'top_p', 'min_p', 'repetition_penalty', 'presence_penalty'];
    expect(keys).toEqual(expect.arrayContaining([...parameters, 'frequency_penalty', 'logit_bias', 'output_from']));
  });
});

describe('adjustLogits', () => {
  test('leaves the ids of a mask alone, and no other', () => {
    const logits = Float64Array.from({ length: 40 }, (_, id) => id);
    const mask = Uint32Array.of(2 ** 31 + 1, 0b110);
    const masked = adjustLogits(logits, { mask, logitBias: { 0: 5, 1: 90 }, maskedIds: [33] });
    const kept = [...masked.keys()].filter((id) => masked[id] !== Number.NEGATIVE_INFINITY);
    expect(kept).toEqual([0, 31, 34]);
    expect([masked[0], masked[31], masked[34]]).toEqual([5, 31, 34]);
    const short = 'mask is an object of class Uint32Array, expected a Uint32Array of 2 words';
    expect(() => adjustLogits(logits, { mask: new Uint32Array(1) })).toThrow(short);
  });

  test('has the order bias, repetition, presence and frequency, mask', () => {
    const penalties = { repetitionPenalty: 2, presencePenalty: 0.5, frequencyPenalty: 0.25 };
    const adjusted = adjustLogits(Float64Array.of(1, 1, -1, 4, 7), {
      ...penalties,
      promptIds: [0, 0],
      outputIds: [1, 2, 2, 4],
      logitBias: { 0: 3, 1: -2 },
      maskedIds: [4],
    });
    // (1 + 3) / 2; (1 − 2) · 2 − 0.5 − 0.25; −1 · 2 − 0.5 − 2 · 0.25; untouched; masked.
    expect([...adjusted]).toEqual([2, -2.75, -3, 4, Number.NEGATIVE_INFINITY]);
  });

  test('leaves its argument alone, and changes nothing without penalties', () => {
    const logits = Float64Array.of(1, -2, 3);
    expect(adjustLogits(logits, { promptIds: [0], outputIds: [1] })).toEqual(logits);
    adjustLogits(logits, { logitBias: { 0: 1 } });
    expect([...logits]).toEqual([1, -2, 3]);
  });
});

describe('processLogits', () => {
  test('temperature 0 is the lowest id of the best logits', () => {
    expect([...processLogits(Float64Array.of(1, 5, 5, -2), { ...OFF, temperature: 0 })]).toEqual([0, 1, 0, 0]);
  });

  test('a tiny temperature does not overflow', () => {
    expect([...processLogits(Float64Array.of(1, 5, -2), { ...OFF, temperature: 1e-320 })]).toEqual([0, 1, 0]);
  });

  test('topK keeps exactly k tokens, the lower ids of equal ones', () => {
    const probs = processLogits(Float64Array.of(0, 2, 2, 2, 1), { ...OFF, topK: 2 });
    expect([...probs]).toEqual([0, 0.5, 0.5, 0, 0]);
  });

  test('topP keeps the token that crosses, the lower ids of equal ones, and at least one token', () => {
    const equal = new Float64Array(4);
    expect([...processLogits(equal, { ...OFF, topP: 0.5 })]).toEqual([0.5, 0.5, 0, 0]);
    expect(processLogits(equal, { ...OFF, topP: 0.51 })).toBeWithin(
      [1 / 3, 1 / 3, 1 / 3, 0],
      { abs: 1e-15 },
      { label: 'crossing' },
    );
    expect([...processLogits(equal, { ...OFF, topP: 1e-9 })]).toEqual([1, 0, 0, 0]);
  });

  test('minP is a fraction of the best probability and keeps a token that equals it', () => {
    expect([...processLogits(new Float64Array(2), { ...OFF, minP: 1 })]).toEqual([0.5, 0.5]);
    const probs = processLogits(logitsOf(0.6, 0.3, 0.1), { ...OFF, minP: 0.4 });
    expect(probs).toBeWithin([2 / 3, 1 / 3, 0], { abs: 1e-15 }, { label: 'minP' });
  });

  test('the order is temperature, topK, topP, minP', () => {
    // p² ∝ 16, 9, 4, 1 out of 30: topP 0.5 of the sharpened distribution keeps one token, of the flat one two.
    const sharpened = processLogits(logitsOf(0.4, 0.3, 0.2, 0.1), { ...OFF, temperature: 0.5, topP: 0.5 });
    expect([...sharpened]).toEqual([1, 0, 0, 0]);
    // 0.4 is 0.57 of the two tokens that topK leaves.
    const topKFirst = processLogits(logitsOf(0.4, 0.3, 0.2, 0.1), { ...OFF, topK: 2, topP: 0.55 });
    expect([...topKFirst]).toEqual([1, 0, 0, 0]);
    // 0.5 would be 0.625 of the two tokens that minP leaves.
    const minPLast = processLogits(logitsOf(0.5, 0.3, 0.2), { ...OFF, topP: 0.6, minP: 0.5 });
    expect(minPLast).toBeWithin([0.625, 0.375, 0], { abs: 1e-15 }, { label: 'minP last' });
  });
});

describe('gumbelSample', () => {
  const filters = { temperature: 0.8, topK: 12, topP: 0.95, minP: 0.02 };
  const { logits } = samplingFixtures.find(({ name }) => name === 'v50 plain')!;
  const probs = processLogits(logits, filters);
  const draws = 20_000;

  test.each([
    { what: 'seeds', draw: (i: number) => gumbelSample(logits, filters, i, 3) },
    { what: 'positions of one seed', draw: (i: number) => gumbelSample(logits, filters, 11, i) },
  ])('draws from the processed distribution over $what', ({ draw }) => {
    const counts = new Float64Array(logits.length);
    for (let i = 0; i < draws; i++) counts[draw(i)]! += 1;
    const kept = [...probs.keys()].filter((id) => probs[id]! > 0);
    expect(kept.length).toBeGreaterThan(3);
    // Only kept tokens are drawn.
    expect(kept.reduce((sum, id) => sum + counts[id]!, 0)).toBe(draws);
    const chiSquare = kept.reduce((sum, id) => sum + (counts[id]! - draws * probs[id]!) ** 2 / (draws * probs[id]!), 0);
    // Mean and variance of χ² are its degrees of freedom and twice that; five standard deviations.
    const freedom = kept.length - 1;
    expect(chiSquare).toBeLessThan(freedom + 5 * Math.sqrt(2 * freedom));
  });

  test('the same seed and position give the same token, and temperature 0 ignores both', () => {
    expect(gumbelSample(logits, filters, 2 ** 52 + 1, 9)).toBe(gumbelSample(logits, filters, 2 ** 52 + 1, 9));
    for (let seed = 0; seed < 20; seed++) {
      expect(gumbelSample(Float64Array.of(1, 3, 3), { ...OFF, temperature: 0 }, seed, seed)).toBe(1);
    }
  });

  test('the noise belongs to the token id: a dropped token changes no other draw', () => {
    for (let seed = 0; seed < 50; seed++) {
      const all = gumbelSample(logits, OFF, seed, 0);
      const without = logits.map((logit, id) => (id === (all + 1) % logits.length ? Number.NEGATIVE_INFINITY : logit));
      expect(gumbelSample(without, OFF, seed, 0)).toBe(all);
    }
  });
});
